// attack: Asks for direct access to the hardware ports (iopl, ioperm) and for interrupts off.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
#if defined __x86_64__
    for (int level = 1; level <= 3; level++) refused("iopl", syscall(SYS_iopl, level));
    static const unsigned long ports[] = { 0, 0x60, 0x70, 0x80, 0x3f8, 0xcf8 };
    for (int i = 0; i < 6; i++) refused("ioperm", syscall(SYS_ioperm, ports[i], 1UL, 1));
#endif
    if (!broken) puts("held"); /* other processors have no ports */
    return 0;
}
