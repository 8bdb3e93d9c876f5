// attack: Makes system calls by their x32 numbers (bit 30 set), which a filter by plain numbers lets through.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <sched.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
#if defined __x86_64__
    const long bit = 0x40000000L;
    refused("getpid", syscall(bit | SYS_getpid));
    refused("socket", syscall(bit | SYS_socket, 2, 1, 0));
    refused("unshare", syscall(bit | SYS_unshare, CLONE_NEWUSER));
    refused("mount", syscall(bit | SYS_mount, "none", "/tmp", "tmpfs", 0, 0));
    refused("ptrace (521)", syscall(bit | 521, 16, 1, 0, 0));
    refused("process_vm_writev (540)", syscall(bit | 540, 1, 0, 0, 0, 0, 0));
    refused("openat", syscall(bit | SYS_openat, AT_FDCWD, "/", O_RDONLY));
    for (long n = 512; n < 548; n++) /* x32 numbers without the bit: a kernel before 5.4 took some of them */
        if (n != 520 && n != 545 && n != 513 && n != 512) refused("a number between 512 and 547", syscall(n, -1L, -1L, -1L, -1L, -1L, -1L));
#endif
    if (!broken) puts("held"); /* other processors have no such entry */
    return 0;
}
