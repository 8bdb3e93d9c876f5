// attack: Reads the password file as specs, of which an error message would quote lines.
// expect: CompileFailed
// compileArgs: ["-specs=/etc/shadow"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
