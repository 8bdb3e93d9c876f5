// attack: Writes entries of the local descriptor table, a steady source of kernel holes, 16-bit segments among them.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#if defined __x86_64__
#include <asm/ldt.h>
#include <string.h>
#endif

int main(void) {
#if defined __x86_64__
    for (int bits = 0; bits < 2; bits++) {
        struct user_desc entry;
        memset(&entry, 0, sizeof entry);
        entry.limit = 0xffff;
        entry.seg_32bit = (unsigned)bits;
        entry.useable = 1;
        entry.contents = 2;
        /* The kernel returns the result as a 32-bit number: look at that half only. */
        refused("modify_ldt", (int)syscall(SYS_modify_ldt, 1, &entry, sizeof entry));
        refused("modify_ldt, new form", (int)syscall(SYS_modify_ldt, 0x11, &entry, sizeof entry));
    }
#endif
    if (!broken) puts("held");
    return 0;
}
