// attack: Gives itself and a thread of its own real-time and deadline scheduling, a negative nice value and real-time I/O, to starve the runner.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

struct attributes { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; };

static void *wait_for_ever(void *none) {
    pause();
    return none;
}

int main(void) {
    struct sched_param high = { .sched_priority = 1 };
    refused("SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &high));
    refused("SCHED_RR", sched_setscheduler(0, SCHED_RR, &high));
    pthread_t thread;
    struct sched_param usual = { .sched_priority = 0 };
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
    /* What every thread has already is no attack: Mono asks for it. */
    if (pthread_setschedparam(thread, SCHED_OTHER, &usual) != 0) { puts("BROKEN: the usual class is refused"); broken = 1; }
    refused("SCHED_FIFO of a thread", -pthread_setschedparam(thread, SCHED_FIFO, &high));
    refused("SCHED_RR of a thread", -pthread_setschedparam(thread, SCHED_RR, &high));
    refused("SCHED_IDLE of a thread", -pthread_setschedparam(thread, SCHED_IDLE, &usual));
    struct attributes deadline = { .size = sizeof deadline, .policy = 6, .runtime = 9000000, .deadline = 10000000, .period = 10000000 };
    refused("SCHED_DEADLINE", syscall(SYS_sched_setattr, 0, &deadline, 0u));
    errno = 0;
    int nice_before = getpriority(PRIO_PROCESS, 0);
    refused("a lower nice value", setpriority(PRIO_PROCESS, 0, nice_before - 1));
    refused("the lowest nice value", setpriority(PRIO_PROCESS, 0, -20));
    refused("real-time I/O", syscall(SYS_ioprio_set, 1, 0, (1 << 13) | 0));
    if (getpriority(PRIO_PROCESS, 0) < nice_before) { puts("BROKEN: the nice value fell"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
