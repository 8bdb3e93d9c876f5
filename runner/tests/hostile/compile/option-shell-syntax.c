// attack: Options hold shell syntax, which must not be run on the way to the compiler.
// expect: CompileFailed
// compileArgs: ["$(touch /work/pwned)", "`touch /work/pwned`", "; touch /work/pwned"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
