// attack: Maps private anonymous memory in one-page steps of touching, past the memory limit.
// expect: OutOfMemory

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    size_t total = (size_t)1 << 30; /* the safety bound */
    char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { puts("BROKEN: the mapping was refused instead of the memory being counted"); return 0; }
    for (size_t i = 0; i < total; i += 4096) ((volatile char *)p)[i] = 1;
    sleep(3);
    puts("BROKEN: 1 GiB touched under a limit of 128 MiB");
    return 0;
}
