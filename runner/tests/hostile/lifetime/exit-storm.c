// attack: Orphans hundreds of short-lived processes on the runner, with every exit code, while main goes on.
// expect: Completed

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int made = 0;
    for (int i = 0; i < 300; i++) {
        pid_t p = fork();
        if (p < 0) { usleep(2000); continue; }
        made++;
        if (p == 0) {
            setsid();
            for (int tries = 0; tries < 100; tries++) {
                pid_t q = fork();
                if (q >= 0) _exit(q == 0 ? i & 255 : 0);
                usleep(1000);
            }
            _exit(0);
        }
        waitpid(p, NULL, 0);
    }
    puts(made >= 100 ? "held" : "BROKEN: could not try: too few children");
    return 0;
}
