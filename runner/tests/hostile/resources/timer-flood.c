// attack: Creates POSIX timers, each some hundred bytes of kernel memory, until they are refused.
// expect: Completed

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int n;
    for (n = 0; n < 100000; n++) {
        int id;
        if (syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id) != 0) break;
    }
    if (n == 100000) puts("BROKEN: 100000 timers and no refusal");
    else puts("held");
    return 0;
}
