// attack: A macro of the assembler calls itself without end.
// expect: CompileFailed
// places: embedded

__asm__(".macro again\n again\n .endm\n again\n");

int main(void) { return 0; }
