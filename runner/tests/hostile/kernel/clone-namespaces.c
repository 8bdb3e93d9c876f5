// attack: Makes a namespace of every kind by clone, alone and with a user namespace.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static long make(unsigned long flags) {
    long p = syscall(SYS_clone, flags | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
    if (p == 0) _exit(0);
    if (p > 0) waitpid((pid_t)p, NULL, 0);
    return p;
}

int main(void) {
    static const struct { const char *name; unsigned long flag; } kinds[] = {
        { "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS }, { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
        { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET }, { "cgroup", CLONE_NEWCGROUP },
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        refused(kinds[i].name, make(kinds[i].flag));
        refused(kinds[i].name, make(kinds[i].flag | CLONE_NEWUSER));
        refused(kinds[i].name, make(kinds[i].flag | CLONE_PARENT));
        refused(kinds[i].name, make(kinds[i].flag | CLONE_VFORK));
        refused(kinds[i].name, make(kinds[i].flag | 0x100000000UL)); /* the upper half is ignored by the kernel */
    }
    if (make(0) < 0) { puts("BROKEN: could not try: clone without flags fails too"); return 0; }
    if (!broken) puts("held");
    return 0;
}
