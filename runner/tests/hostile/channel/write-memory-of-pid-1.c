// attack: Writes into the memory of PID 1 and the parent by process_vm_writev, ptrace and /proc/PID/mem.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

static int broken;

static void attack(pid_t pid) {
    char data[16] = "locus", path[64];
    struct iovec local = { data, sizeof data };
    static const unsigned long addresses[] = { 0x400000, 0x601000, 0x555555554000, 0x7ffff7ff0000 };
    for (int i = 0; i < 4; i++) {
        struct iovec remote = { (void *)addresses[i], sizeof data };
        /* EFAULT means that the permission was given and only the address is wrong. */
        if (process_vm_writev(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT) { printf("BROKEN: process_vm_writev to %d\n", pid); broken = 1; }
        if (process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT) { printf("BROKEN: process_vm_readv from %d\n", pid); broken = 1; }
    }
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) { printf("BROKEN: PTRACE_SEIZE of %d\n", pid); broken = 1; }
    for (int flags = O_RDONLY; flags <= O_RDWR; flags++) {
        snprintf(path, sizeof path, "/proc/%d/mem", pid);
        int fd = open(path, flags);
        if (fd >= 0) { printf("BROKEN: %s opened with flags %d\n", path, flags); broken = 1; close(fd); }
    }
}

int main(void) {
    if (getpid() == 1) { puts("BROKEN: could not try: the program itself is PID 1"); return 0; }
    attack(1);
    if (getppid() > 1) attack(getppid());
    if (!broken) puts("held");
    return 0;
}
