// attack: Writes the program into the system's folder of programs by an option.
// expect: CompileFailed
// compileArgs: ["-o", "/usr/bin/evil"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
