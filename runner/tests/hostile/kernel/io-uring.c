// attack: Sets up an io_uring, which does system calls (openat, socket, connect) past any filter.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <string.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_io_uring_enter
#define SYS_io_uring_enter 426
#endif
#ifndef SYS_io_uring_register
#define SYS_io_uring_register 427
#endif

int main(void) {
    static const unsigned flags[] = { 0, 1 << 0, 1 << 1, 1 << 6, 1 << 8, 1 << 12 | 1 << 13, 1 << 14 };
    for (int i = 0; i < 7; i++) {
        unsigned char parameters[120]; /* struct io_uring_params: flags is the third word */
        memset(parameters, 0, sizeof parameters);
        memcpy(parameters + 8, &flags[i], sizeof flags[i]);
        refused("io_uring_setup", syscall(SYS_io_uring_setup, 8u, parameters));
    }
    unsigned char parameters[120] = { 0 };
    refused("io_uring_register without a ring", syscall(SYS_io_uring_register, -1, 35u, parameters, 1u));
    refused("io_uring_enter", syscall(SYS_io_uring_enter, 0, 0u, 0u, 0u, NULL, 0UL));
    if (!broken) puts("held");
    return 0;
}
