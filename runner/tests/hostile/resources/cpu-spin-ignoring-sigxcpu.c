// attack: Ignores SIGXCPU and spins on, also after an exec-like renewal by fork every 0.3 s.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    signal(SIGXCPU, SIG_IGN);
    for (int generation = 0; generation < 20; generation++) {
        pid_t p = fork(); /* a child's processor clock begins at zero */
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        if (p == 0) {
            while (clock() < CLOCKS_PER_SEC * 3 / 10) {}
            _exit(0);
        }
        waitpid(p, NULL, 0);
    }
    puts("BROKEN: 6 s of processor time under a limit of 1 s");
    return 0;
}
