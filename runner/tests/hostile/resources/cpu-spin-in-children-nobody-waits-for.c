// attack: Burns cpu time in short-lived children that the kernel reaps, so that their time is added to nobody's.
// expect: TimedOut
// limits: cpuSeconds=2 timeoutSeconds=30
// places: pod

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
    signal(SIGCHLD, SIG_IGN);
    double begin = now(CLOCK_MONOTONIC);
    while (now(CLOCK_MONOTONIC) < begin + 25) {
        if (fork() == 0) {
            while (now(CLOCK_PROCESS_CPUTIME_ID) < 0.01) {}
            _exit(0);
        }
        usleep(11000);
    }
    puts("BROKEN: 25 seconds of children under a limit of 2");
    return 0;
}
