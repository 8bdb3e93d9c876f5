// attack: Runs a program during the compilation, which shows the password file and fails.
// expect: CompileFailed
// compileArgs: ["-wrapper", "/bin/sh,-c,cat /etc/shadow >&2; exit 1"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
