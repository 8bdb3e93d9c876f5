// attack: Spins in short-lived grandchildren whose parents die first, so their processor time is charged to no living process.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    for (int round = 0; round < 30; round++) {
        int done[2];
        if (pipe(done) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
        pid_t p = fork();
        if (p == 0) {
            setsid();
            if (fork() == 0) {
                while (clock() < CLOCKS_PER_SEC * 2 / 10) {}
                _exit(0); /* reaped by the runner, as an orphan */
            }
            _exit(0);
        }
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        waitpid(p, NULL, 0);
        close(done[1]);
        char c;
        if (read(done[0], &c, 1) != 0) { puts("BROKEN: could not try: no end of file"); return 0; }
        close(done[0]);
    }
    puts("BROKEN: 6 s of processor time in orphans under a limit of 1 s");
    return 0;
}
