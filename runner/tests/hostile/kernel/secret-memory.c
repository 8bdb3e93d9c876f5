// attack: Takes memory that even the kernel cannot look into (memfd_secret), so that nobody can see or count what it holds.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <string.h>
#include <sys/mman.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

int main(void) {
    long fd = syscall(SYS_memfd_secret, 0u);
    refused("memfd_secret", fd);
    if (fd >= 0 && ftruncate((int)fd, 1 << 20) == 0) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd, 0);
        if (p != MAP_FAILED) { memset(p, 0x5a, 1 << 20); refused("1 MiB of secret memory", 0); }
    }
    if (!broken) puts("held");
    return 0;
}
