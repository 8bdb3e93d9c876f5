// attack: Changes its execution domain: no address randomisation, readable means executable, addresses compatible with page zero.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/personality.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    static const unsigned long bits[] = { ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO, ADDR_COMPAT_LAYOUT, ADDR_LIMIT_3GB, PER_LINUX | ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC };
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++) {
        personality(bits[i]);
        int now = personality(0xffffffff); /* reads */
        if (now > 0 && ((unsigned long)now & bits[i] & ~0xffUL) != 0) { printf("BROKEN: personality is %#x\n", (unsigned)now); broken = 1; }
        personality(PER_LINUX);
    }
    if (!broken) puts("held");
    return 0;
}
