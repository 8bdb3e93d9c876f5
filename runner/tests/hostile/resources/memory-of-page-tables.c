// attack: Reads one byte in each 2 MiB of a huge mapping, so that page tables fill memory and nothing is resident.
// expect: OutOfMemory

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    size_t size = (size_t)400 << 30, step = 2 << 20, tables = (size_t)384 << 20;
    char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { puts("BROKEN: could not try: no mapping"); return 0; }
    madvise(p, size, MADV_NOHUGEPAGE);
    volatile char sum = 0;
    for (size_t at = 0, used = 0; at < size && used < tables; at += step, used += 4096) sum += p[at];
    sleep(2);
    puts("BROKEN: hundreds of MiB of page tables under a limit of 128 MiB");
    return 0;
}
