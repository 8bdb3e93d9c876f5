// attack: Opens a TCP socket by the 32-bit entry (socket is 359 there), catching SIGSYS to go on.
// expect: Signaled
// signal: SIGSYS

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void caught(int s) {
    (void)s;
    static const char text[] = "BROKEN: SIGSYS was caught and the program goes on\n";
    if (write(1, text, sizeof text - 1) < 0) _exit(1);
    _exit(0);
}

int main(void) {
#if defined __x86_64__
    signal(SIGSYS, caught);
    long result = 359;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(2L), "c"(1L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
    printf("BROKEN: the 32-bit entry answered %ld\n", result);
#else
    (void)caught;
    puts("BROKEN: could not try: not an x86-64 processor");
#endif
    return 0;
}
