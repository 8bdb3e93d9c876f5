// attack: Aborts with a large heap, to leave a core file.
// expect: Signaled
// signal: SIGABRT

#include <stdlib.h>
#include <string.h>

int main(void) {
    char *p = malloc(32 << 20);
    if (p != NULL) memset(p, 0x5a, 32 << 20);
    abort();
}
