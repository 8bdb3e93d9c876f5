// attack: Pushes input into a terminal of its own making, to show that TIOCSTI and TIOCLINUX are refused by the filter and not for lack of a terminal.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <stdlib.h>
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
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) { puts("held"); return 0; }
    const char *name = ptsname(master);
    int slave = name != NULL ? open(name, O_RDWR | O_NOCTTY) : -1;
    if (slave < 0) { puts("held"); return 0; }
    char text = 'x', paste[2] = { 3, 0 };
    refused("TIOCSTI", ioctl(slave, TIOCSTI, &text));
    refused("TIOCSTI with upper bits", syscall(SYS_ioctl, slave, (unsigned long)TIOCSTI | 0x100000000UL, &text));
    refused("TIOCLINUX", ioctl(slave, TIOCLINUX, paste));
    if (!broken) puts("held");
    return 0;
}
