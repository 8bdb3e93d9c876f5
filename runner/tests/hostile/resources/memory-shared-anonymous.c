// attack: Takes memory as a shared instead of a private anonymous mapping.
// expect: Completed
// expect-counted: OutOfMemory

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    size_t total = (size_t)512 << 20;
    char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { puts("held"); return 0; }
    for (size_t i = 0; i < total; i += 4096) ((volatile char *)p)[i] = 1;
    sleep(3);
    puts("BROKEN: 512 MiB of shared memory under a limit of 128 MiB");
    return 0;
}
