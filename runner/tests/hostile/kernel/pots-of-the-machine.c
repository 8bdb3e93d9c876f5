// attack: Takes what the whole machine has one pot of: contexts of asynchronous input and output, and core scheduling.
// expect: Completed

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    unsigned long context = 0;
    if (syscall(SYS_io_setup, 1000, &context) == 0) puts("BROKEN: a thousand events of the machine's pot");
    /* PR_SCHED_CORE, PR_SCHED_CORE_CREATE: a cookie for oneself. */
    if (prctl(62, 1, 0, 0, 0) == 0) puts("BROKEN: a core of its own");
    puts("held");
    return 0;
}
