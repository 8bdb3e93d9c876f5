// attack: Makes a namespace of every kind by unshare, alone and all at once.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sched.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

int main(void) {
    static const struct { const char *name; int flag; } kinds[] = {
        { "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS }, { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "pid", CLONE_NEWPID },
        { "net", CLONE_NEWNET }, { "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
        { "user and mount", CLONE_NEWUSER | CLONE_NEWNS }, { "user and net", CLONE_NEWUSER | CLONE_NEWNET },
        { "user and pid", CLONE_NEWUSER | CLONE_NEWPID },
        { "all", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP },
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        refused(kinds[i].name, unshare(kinds[i].flag));
        /* With the upper half of the register set, which a 32-bit comparison misses and the kernel may cut. */
        refused(kinds[i].name, syscall(SYS_unshare, (unsigned long)kinds[i].flag | 0x100000000UL));
    }
    if (!broken) puts("held");
    return 0;
}
