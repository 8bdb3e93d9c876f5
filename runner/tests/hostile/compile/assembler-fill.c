// attack: Lets the assembler fill an object file of 64 MiB, beyond the size a file may have.
// expect: CompileFailed
// places: embedded

__asm__(".data\n .fill 67108864, 1, 0x5a\n .text\n");

int main(void) { return 0; }
