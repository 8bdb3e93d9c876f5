// attack: Pushes input into the terminal (TIOCSTI, TIOCLINUX), takes it over and reads its screen.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/ioctl.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

int main(void) {
    static const char *const names[] = { "/dev/tty", "/dev/console", "/dev/tty0", "/dev/pts/0", "/dev/pts/1" };
    int fds[3 + 5] = { 0, 1, 2 };
    for (int i = 0; i < 5; i++) fds[3 + i] = open(names[i], O_RDWR | O_NOCTTY | O_NONBLOCK);
    for (int i = 0; i < 8; i++) {
        char text = '\n', paste[2] = { 3, 0 }; /* TIOCLINUX 3: paste the selection */
        if (fds[i] < 0) continue;
        refused("TIOCSTI", ioctl(fds[i], TIOCSTI, &text));
        refused("TIOCSTI with upper bits", syscall(SYS_ioctl, fds[i], (unsigned long)TIOCSTI | 0x100000000UL, &text));
        refused("TIOCLINUX", ioctl(fds[i], TIOCLINUX, paste));
        refused("TIOCLINUX with upper bits", syscall(SYS_ioctl, fds[i], (unsigned long)TIOCLINUX | 0x100000000UL, paste));
        refused("TIOCSCTTY", ioctl(fds[i], TIOCSCTTY, 1));
        refused("TIOCCONS", ioctl(fds[i], TIOCCONS, 0));
    }
    if (isatty(0) || isatty(1) || isatty(2)) { puts("BROKEN: a standard descriptor is a terminal"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
