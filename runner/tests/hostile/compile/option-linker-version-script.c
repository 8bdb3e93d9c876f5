// attack: Reads the environment of PID 1 as a version script of the linker.
// expect: CompileFailed
// compileArgs: ["-Wl,--version-script=/proc/1/environ"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
