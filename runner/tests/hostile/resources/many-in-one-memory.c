// attack: Many processes share one memory with large page tables, to keep the runner from its deadline by looking.
// expect: TimedOut
// limits: timeoutSeconds=2 processes=120 memoryBytes=268435456

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int wait_for_ever(void *unused) {
    (void)unused;
    for (;;) pause();
}

int main(void) {
    size_t size = (size_t)100 << 30, step = 2 << 20;
    char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return 1;
    madvise(p, size, MADV_NOHUGEPAGE);
    volatile char sum = 0;
    for (size_t at = 0; at < size; at += step) sum += p[at];
    for (int i = 0; i < 100; i++) {
        char *stack = malloc(65536);
        clone(wait_for_ever, stack + 65000, CLONE_VM | SIGCHLD, NULL);
    }
    for (;;) {
        free(calloc(1, 1 << 20));
        usleep(1000);
    }
}
