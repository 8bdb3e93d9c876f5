// attack: Watches the files of the machine by fanotify, also in the form that needs no right since Linux 5.13.
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

int main(void) {
    static const unsigned flags[] = { 0, 4 /* CONTENT */, 8 /* PRE_CONTENT */, 0x200 /* REPORT_FID */, 0x200 | 1, 0x200 | 0x400 | 0x800, 0x10 | 0x20 };
    for (int i = 0; i < 7; i++) {
        long fd = syscall(SYS_fanotify_init, flags[i], (unsigned)O_RDONLY);
        refused("fanotify_init", fd);
        if (fd >= 0) refused("fanotify_mark of /", syscall(SYS_fanotify_mark, fd, 1u, 0x2UL, AT_FDCWD, "/"));
    }
    if (!broken) puts("held");
    return 0;
}
