// attack: Fills a shared anonymous mapping by children that exit, so its pages are in no living process's resident set.
// expect: Completed
// expect-counted: OutOfMemory

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    enum { PARTS = 24, EACH = 16 << 20 }; /* 384 MiB */
    char *p = mmap(NULL, (size_t)PARTS * EACH, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) { puts("held"); return 0; }
    int filled = 0;
    for (int i = 0; i < PARTS; i++) {
        pid_t c = fork();
        if (c < 0) break;
        if (c == 0) { memset(p + (size_t)i * EACH, 0x5a, EACH); _exit(0); }
        int status;
        if (waitpid(c, &status, 0) == c && WIFEXITED(status) && WEXITSTATUS(status) == 0) filled++;
    }
    sleep(3);
    printf("BROKEN: %d MiB of shared memory under a limit of 128 MiB\n", filled * 16);
    return 0;
}
