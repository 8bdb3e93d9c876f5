// attack: Hides memory in 16 memfds of 16 MiB, which belong to no process's address space.
// expect: Completed
// expect-counted: OutOfMemory

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_create
#define SYS_memfd_create 319
#endif

int main(void) {
    static char block[1 << 20];
    memset(block, 0x5a, sizeof block);
    size_t total = 0;
    for (int i = 0; i < 16; i++) {
        int fd = (int)syscall(SYS_memfd_create, "hoard", 0u);
        if (fd < 0) {
            if (i == 0) { puts("held"); return 0; }
            break;
        }
        for (int n = 0; n < 16; n++) {
            ssize_t w = write(fd, block, sizeof block);
            if (w <= 0) break;
            total += (size_t)w;
        }
        /* fd stays open: the memory stays. */
    }
    sleep(3);
    printf("BROKEN: %zu MiB held in memfds under a limit of 128 MiB\n", total >> 20);
    return 0;
}
