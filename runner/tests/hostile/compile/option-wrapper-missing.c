// attack: Runs a program that does not exist in place of the compiler's steps.
// expect: CompileFailed
// compileArgs: ["-wrapper", "/work/evil"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
