// attack: Copies the environment of PID 1 into the program by the assembler.
// expect: CompileFailed
// places: embedded

#include <stdio.h>

__asm__(".section .rodata\n"
        ".globl stolen\n"
        "stolen: .incbin \"/proc/1/environ\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char stolen[];

int main(void) {
    printf("BROKEN: %s\n", stolen);
    return 0;
}
