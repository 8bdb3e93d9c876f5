// attack: Queues blocked real-time signals to itself, each a piece of kernel memory, until they are refused.
// expect: Completed

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    union sigval v = { .sival_int = 0 };
    int n;
    for (n = 0; n < 100000; n++)
        if (sigqueue(getpid(), SIGRTMIN, v) != 0) break;
    if (n == 100000) puts("BROKEN: 100000 signals queued and no refusal");
    else puts("held");
    return 0;
}
