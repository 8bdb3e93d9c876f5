// attack: Reads the password file as a file of options.
// expect: CompileFailed
// compileArgs: ["@/etc/shadow"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
