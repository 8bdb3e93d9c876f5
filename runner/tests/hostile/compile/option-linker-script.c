// attack: Reads the password file as a linker script.
// expect: CompileFailed
// compileArgs: ["-Wl,-T,/etc/shadow"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
