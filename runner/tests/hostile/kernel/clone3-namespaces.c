// attack: Makes namespaces by clone3, whose flags lie in memory where a filter cannot look.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

struct arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

int main(void) {
    static const struct { const char *name; uint64_t flag; } kinds[] = {
        { "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS }, { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "pid", CLONE_NEWPID },
        { "net", CLONE_NEWNET }, { "cgroup", CLONE_NEWCGROUP }, { "time", 0x80 }, { "into cgroup", 0x200000000ULL },
        { "user and net", CLONE_NEWUSER | CLONE_NEWNET },
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct arguments a;
        memset(&a, 0, sizeof a);
        a.flags = kinds[i].flag;
        a.exit_signal = SIGCHLD;
        a.cgroup = 0; /* stdin is no cgroup */
        long p = syscall(SYS_clone3, &a, sizeof a);
        if (p == 0) _exit(0);
        if (p > 0) waitpid((pid_t)p, NULL, 0);
        refused(kinds[i].name, p);
    }
    /* A chosen pid would allow to become somebody else in the eyes of the runner. */
    struct arguments a;
    pid_t wanted = 31000;
    memset(&a, 0, sizeof a);
    a.exit_signal = SIGCHLD;
    a.set_tid = (uint64_t)(uintptr_t)&wanted;
    a.set_tid_size = 1;
    long p = syscall(SYS_clone3, &a, sizeof a);
    if (p == 0) _exit(0);
    if (p > 0) waitpid((pid_t)p, NULL, 0);
    refused("chosen pid", p);
    if (!broken) puts("held");
    return 0;
}
