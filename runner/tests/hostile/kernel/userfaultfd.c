// attack: Makes a userfaultfd, the tool to stop the kernel in the middle of a copy, also in the form open to everybody.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_userfaultfd
#define SYS_userfaultfd 323
#endif

int main(void) {
    refused("userfaultfd", syscall(SYS_userfaultfd, 0));
    refused("userfaultfd, close on exec", syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    refused("userfaultfd for user mode only", syscall(SYS_userfaultfd, 1));
    refused("/dev/userfaultfd", open("/dev/userfaultfd", O_RDWR));
    if (!broken) puts("held");
    return 0;
}
