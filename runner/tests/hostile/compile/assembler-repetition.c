// attack: Repeats an instruction of the assembler two thousand million times, which is expanded in memory.
// expect: CompileFailed
// limits: timeoutSeconds=20 cpuSeconds=20
// places: embedded

__asm__(".rept 2000000000\n nop\n .endr\n");

int main(void) { return 0; }
