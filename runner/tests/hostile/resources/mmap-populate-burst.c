// attack: Takes 1 GiB in a single MAP_POPULATE call, to be faster than a watcher that polls.
// expect: OutOfMemory

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    size_t total = (size_t)1 << 30;
    char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED) { puts("BROKEN: the mapping was refused instead of the memory being counted"); return 0; }
    /* MAP_POPULATE fails silently: prove that the memory is there by writing it. */
    for (size_t i = 0; i < total; i += 4096) ((volatile char *)p)[i] = 1;
    sleep(3);
    puts("BROKEN: 1 GiB populated under a limit of 128 MiB");
    return 0;
}
