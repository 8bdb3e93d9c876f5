// attack: Slows PID 1 down: its nice value (also by the user as a whole), processors, scheduling class and I/O priority; from main and a grandchild.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static int attack(const char *who) {
    int broken = 0;
    int before = getpriority(PRIO_PROCESS, 1);

    if (setpriority(PRIO_PROCESS, 1, 19) == 0) { printf("BROKEN: %s: setpriority of PID 1\n", who); broken = 1; }

    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) { printf("BROKEN: could not try: sched_getaffinity\n"); broken = 1; }
    if (sched_setaffinity(1, sizeof cpus, &cpus) == 0) { printf("BROKEN: %s: sched_setaffinity of PID 1\n", who); broken = 1; }

    struct sched_param zero = { .sched_priority = 0 };
    if (sched_setscheduler(1, SCHED_IDLE, &zero) == 0) { printf("BROKEN: %s: sched_setscheduler of PID 1\n", who); broken = 1; }
    if (sched_setparam(1, &zero) == 0) { printf("BROKEN: %s: sched_setparam of PID 1\n", who); broken = 1; }

    struct attributes a = { .size = sizeof a, .policy = SCHED_BATCH, .nice = 19 };
    if (syscall(SYS_sched_setattr, 1, &a, 0) == 0) { printf("BROKEN: %s: sched_setattr of PID 1\n", who); broken = 1; }

    const int idle = 3 << 13; /* IOPRIO_CLASS_IDLE */
    if (syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 1, idle) == 0) { printf("BROKEN: %s: ioprio_set of PID 1\n", who); broken = 1; }

    /* By user or group these succeed for the own processes: only the effect on PID 1 counts. */
    setpriority(PRIO_USER, getuid(), 10);
    setpriority(PRIO_USER, 0, 10);
    if (getpgid(1) > 0) setpriority(PRIO_PGRP, getpgid(1), 10);
    int after = getpriority(PRIO_PROCESS, 1);
    if (after != before) { printf("BROKEN: %s: nice value of PID 1 from %d to %d\n", who, before, after); broken = 1; }
    return broken;
}

int main(void) {
    int broken = attack("main");
    fflush(stdout);
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        setsid();
        pid_t q = fork();
        if (q < 0) _exit(1);
        if (q == 0) { int b = attack("a grandchild"); fflush(stdout); _exit(b); }
        int s = 0;
        waitpid(q, &s, 0);
        _exit(WIFEXITED(s) ? WEXITSTATUS(s) : 1);
    }
    int status = 0;
    waitpid(p, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) { puts("BROKEN: the grandchild"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
