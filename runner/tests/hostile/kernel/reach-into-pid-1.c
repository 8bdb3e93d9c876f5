// attack: Reaches into PID 1 and its parent by the rarer calls: pidfd_getfd, kcmp, move_pages, migrate_pages, process_madvise, process_mrelease, get_robust_list.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/uio.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_kcmp
#define SYS_kcmp 312
#endif
enum { PIDFD_OPEN_ = 434, PIDFD_GETFD_ = 438, PROCESS_MADVISE_ = 440, PROCESS_MRELEASE_ = 448 };

static void attack(pid_t pid) {
    char data[16];
    struct iovec local = { data, sizeof data }, remote = { (void *)0x400000, sizeof data };
    long n = syscall(SYS_process_vm_readv, pid, &local, 1UL, &remote, 1UL, 0UL);
    refused("process_vm_readv", n < 0 && errno == EFAULT ? 0 : n); /* EFAULT: permitted, only the address is wrong */
    for (int type = 0; type < 7; type++) refused("kcmp", syscall(SYS_kcmp, getpid(), pid, type, 0UL, 0UL));
    void *page = (void *)0x400000;
    int node = 0, status = 0;
    refused("move_pages", syscall(SYS_move_pages, pid, 1UL, &page, &node, &status, 2));
    refused("move_pages, asking only", syscall(SYS_move_pages, pid, 1UL, &page, NULL, &status, 0));
    unsigned long nodes = 1;
    refused("migrate_pages", syscall(SYS_migrate_pages, pid, 8UL, &nodes, &nodes));
    void *head;
    size_t length;
    refused("get_robust_list", syscall(SYS_get_robust_list, pid, &head, &length));
    long pidfd = syscall(PIDFD_OPEN_, pid, 0u);
    if (pidfd < 0) return;
    for (int fd = 0; fd < 64; fd++) refused("pidfd_getfd", syscall(PIDFD_GETFD_, pidfd, fd, 0u));
    refused("process_madvise", syscall(PROCESS_MADVISE_, pidfd, &remote, 1UL, 21 /* MADV_PAGEOUT */, 0u));
    refused("process_mrelease", syscall(PROCESS_MRELEASE_, pidfd, 0u));
    close((int)pidfd);
}

int main(void) {
    if (getpid() == 1) { puts("BROKEN: could not try: the program itself is PID 1"); return 0; }
    attack(1);
    if (getppid() > 1) attack(getppid());
    if (!broken) puts("held");
    return 0;
}
