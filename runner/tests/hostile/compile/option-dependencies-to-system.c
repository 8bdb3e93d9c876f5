// attack: Writes a file of dependencies into the system by an option.
// expect: CompileFailed
// compileArgs: ["-MD", "-MF", "/usr/lib/evil.d"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
