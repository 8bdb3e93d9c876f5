// attack: Compiles a file of root as a second source.
// expect: CompileFailed
// compileArgs: ["-x", "c", "/root/canary"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
