// attack: The classic exponential fork bomb, in which every child forks as well, in sessions of their own.
// expect: Completed

#include <errno.h>
#include <stdatomic.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared { atomic_int born, refused; };

int main(void) {
    int fd = open("/dev/shm/count", O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0) { puts("BROKEN: could not try: no file"); return 0; }
    struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (s == MAP_FAILED) { puts("BROKEN: could not try: no shared memory"); return 0; }

    pid_t bomb = fork();
    if (bomb < 0) { puts("BROKEN: could not try: the first fork failed"); return 0; }
    if (bomb == 0) {
        setsid();
        /* Nobody ever exits, so `born` is the number of living processes. 4096 is the safety bound. */
        while (atomic_load(&s->born) < 4096) {
            pid_t p = fork();
            if (p == 0) { atomic_fetch_add(&s->born, 1); setsid(); }
            if (p < 0) { atomic_fetch_add(&s->refused, 1); usleep(20000); }
        }
        for (;;) pause();
    }

    for (int i = 0; i < 250 && atomic_load(&s->refused) < 64 && atomic_load(&s->born) < 4096; i++) usleep(20000);
    int born = atomic_load(&s->born), refused = atomic_load(&s->refused);
    if (refused == 0) printf("BROKEN: %d processes born and fork was never refused\n", born);
    else if (born >= 64) printf("BROKEN: %d processes born under a limit of 32\n", born);
    else puts("held");
    return 0; /* the bomb is still running when main ends */
}
