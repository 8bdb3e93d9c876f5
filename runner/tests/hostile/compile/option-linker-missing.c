// attack: Asks for a linker that does not exist.
// expect: CompileFailed
// compileArgs: ["-fuse-ld=/work/evil"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
