// attack: Spreads memory over many children in sessions of their own, each far under the limit alone.
// expect: OutOfMemory

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    enum { CHILDREN = 16, EACH = 16 << 20 }; /* 256 MiB together */
    int ready[2], forked = 0;
    if (pipe(ready) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    for (int i = 0; i < CHILDREN; i++) {
        pid_t p = fork();
        if (p < 0) break;
        if (p == 0) {
            setsid();
            char *m = malloc(EACH);
            if (m == NULL) _exit(1);
            memset(m, i + 1, EACH);
            if (write(ready[1], m, 1) != 1) _exit(1);
            for (;;) pause();
        }
        forked++;
    }
    close(ready[1]);
    if (forked < CHILDREN) { printf("BROKEN: could not try: only %d children\n", forked); return 0; }
    char c;
    for (int n = 0; n < CHILDREN && read(ready[0], &c, 1) == 1; n++) {}
    sleep(3);
    puts("BROKEN: 256 MiB in 16 children under a limit of 128 MiB");
    return 0;
}
