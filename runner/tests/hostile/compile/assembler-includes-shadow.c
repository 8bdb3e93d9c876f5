// attack: Includes the password file by the assembler, whose error messages would quote its lines.
// expect: CompileFailed
// places: embedded

__asm__(".include \"/etc/shadow\"");

int main(void) { return 0; }
