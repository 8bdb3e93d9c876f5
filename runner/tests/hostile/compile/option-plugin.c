// attack: Loads a plugin that does not exist into the compiler.
// expect: CompileFailed
// compileArgs: ["-fplugin=/work/evil.so"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
