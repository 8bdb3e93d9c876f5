// attack: Writes the linker's map into the system.
// expect: CompileFailed
// compileArgs: ["-Wl,-Map=/etc/evil.map"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
