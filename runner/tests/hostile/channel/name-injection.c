// attack: Gives its processes names that look like fields of /proc/PID/stat and status, and spins: a careless parser reads another state and time.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    static const char *const names[] = { ") R 1 (", ") Z 0 0 0 0 0", "a\nState:\tZ", "x) S 1 1 1" };
    for (int i = 0; i < argc; i++) memset(argv[i], ')', strlen(argv[i]));
    for (int i = 0; i < 12; i++) {
        pid_t p = fork();
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        if (p == 0) {
            prctl(PR_SET_NAME, names[i % 4], 0, 0, 0);
            while (clock() < CLOCKS_PER_SEC * 5 / 10) {}
            _exit(0);
        }
        waitpid(p, NULL, 0);
    }
    puts("BROKEN: 6 s of processor time under a limit of 1 s");
    return 0;
}
