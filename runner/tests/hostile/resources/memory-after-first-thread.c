// attack: Ends its first thread, which /proc shows the memory of, and fills memory in another one.
// expect: OutOfMemory

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *fill(void *unused) {
    (void)unused;
    usleep(100000); /* The first thread is gone by then. */
    size_t size = 400 << 20;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { puts("BROKEN: could not try: no mapping"); fflush(stdout); _exit(0); }
    memset(p, 1, size);
    sleep(2);
    puts("BROKEN: 400 MiB under a limit of 128 MiB");
    fflush(stdout);
    _exit(0);
}

int main(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, fill, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
    syscall(SYS_exit, 0);
}
