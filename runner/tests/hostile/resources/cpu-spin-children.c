// attack: Spreads the spinning over many children, in sessions of their own and each under the limit alone.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int finished = 0;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2; i++) {
            pid_t p = fork();
            if (p == 0) {
                setsid();
                while (clock() < CLOCKS_PER_SEC * 6 / 10) {}
                _exit(0);
            }
        }
        int status;
        while (wait(&status) > 0) finished += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    printf("BROKEN: %d children took 0.6 s of processor time each under a limit of 1 s\n", finished);
    return 0;
}
