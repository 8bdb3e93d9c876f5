// attack: Opens sockets of every family and type but AF_UNIX: raw, packet, netlink, vsock, AF_ALG, bluetooth, CAN, key and the rest.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/socket.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    int working = socket(AF_UNIX, SOCK_STREAM, 0);
    if (working < 0) { puts("BROKEN: could not try: AF_UNIX is refused as well, all sockets are"); return 0; }
    for (int family = 0; family < 64; family++) {
        if (family == AF_UNIX) continue;
        for (int type = 1; type <= 10; type++) {
            static const int protocols[] = { 0, 1, 3, 6, 16, 17, 58, 132, 136, 255, 262 };
            for (unsigned p = 0; p < sizeof protocols / sizeof *protocols; p++) {
                int fd = socket(family, type | SOCK_CLOEXEC, protocols[p]);
                if (fd < 0) continue;
                printf("BROKEN: socket(%d, %d, %d)\n", family, type, protocols[p]);
                broken = 1;
                close(fd);
            }
            int pair[2];
            if (socketpair(family, type, 0, pair) == 0) { printf("BROKEN: socketpair(%d, %d)\n", family, type); broken = 1; }
        }
        /* The kernel takes the family as an int: upper bits must not fool the filter. */
        refused("socket with upper bits in the family", syscall(SYS_socket, (unsigned long)family | 0x100000000UL, 1L, 0L));
    }
    /* A family that only differs from AF_UNIX in the upper half is AF_UNIX for the kernel: not counted. */
    if (!broken) puts("held");
    return 0;
}
