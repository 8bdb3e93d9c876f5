// attack: Recurses until the stack is used up.
// expect: Signaled
// signal: SIGSEGV

#include <stdio.h>

static volatile int limit = 1 << 20; /* 4 GiB of stack, the safety bound */

__attribute__((noinline)) static int recurse(int depth) {
    volatile char frame[4096];
    frame[0] = (char)depth;
    frame[4095] = frame[0];
    if (depth >= limit) return frame[4095];
    return recurse(depth + 1) + frame[4095];
}

int main(void) {
    printf("BROKEN: the stack has no end: %d\n", recurse(0));
    return 0;
}
