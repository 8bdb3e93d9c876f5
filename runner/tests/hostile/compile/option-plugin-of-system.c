// attack: Loads the C library as a plugin into the compiler; it has no licence mark and is refused.
// expect: CompileFailed
// compileArgs: ["-fplugin=/lib/x86_64-linux-gnu/libc.so.6"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
