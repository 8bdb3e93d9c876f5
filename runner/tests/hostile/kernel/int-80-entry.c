// attack: Makes a system call by the 32-bit entry (int 0x80), whose numbers mean other calls than the filter thinks.
// expect: Signaled
// signal: SIGSYS

#include <stdio.h>

int main(void) {
#if defined __x86_64__
    long result = 20; /* getpid in the 32-bit table, writev in the 64-bit one */
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(0L), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
    printf("BROKEN: the 32-bit entry answered %ld\n", result);
#else
    puts("BROKEN: could not try: not an x86-64 processor");
#endif
    return 0;
}
