// attack: Locks memory so that it can never be swapped out, far beyond what an ordinary user may.
// expect: Completed

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    const size_t size = 96 << 20;
    int broken = 0;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { puts("BROKEN: could not try: mmap failed"); return 0; }
    if (mlock(p, size) == 0) { puts("BROKEN: mlock of 96 MiB"); broken = 1; munlock(p, size); }
    if (mlock2(p, size, MLOCK_ONFAULT) == 0) { puts("BROKEN: mlock2 of 96 MiB"); broken = 1; munlock(p, size); }
    if (mlockall(MCL_CURRENT) == 0) { puts("BROKEN: mlockall with 96 MiB mapped"); broken = 1; munlockall(); }
    void *q = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
    if (q != MAP_FAILED) { puts("BROKEN: MAP_LOCKED of 96 MiB"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
