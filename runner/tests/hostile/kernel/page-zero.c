// attack: Maps page zero and pages near it, so that a null pointer of the kernel would point to data of its own.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/mman.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    void *p = mmap((void *)0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    refused("page zero", p == MAP_FAILED ? -1 : 0);
    /* A growing stack used to slip below the bound. */
    char *low = mmap((void *)0x10000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    if (low != MAP_FAILED) refused("mremap to page zero", mremap(low, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0) == MAP_FAILED ? -1 : 0);
    if (!broken) puts("held");
    return 0;
}
