// attack: Adds an own filter that allows everything, asks for none at all, and tries what the first filter refuses.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER 8
#endif

static void forbidden_things(const char *when) {
    int before = broken;
    refused("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
    refused("unshare", unshare(CLONE_NEWUSER));
    refused("socket", socket(AF_INET, SOCK_STREAM, 0));
    refused("bpf", syscall(SYS_bpf, 0, NULL, 0));
    if (broken != before) printf("BROKEN: %s\n", when);
}

int main(void) {
    struct sock_filter allow[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { 1, allow };
    forbidden_things("before");
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_DISABLED, 0, 0, 0);
    forbidden_things("after mode 0");
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    forbidden_things("after a filter that allows everything");
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0) { puts("BROKEN: no filter is in force"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
