// attack: Names a program loader of its own, so that the program cannot be started.
// expect: NonZeroExit
// exit: 127
// compileArgs: ["-Wl,--dynamic-linker=/work/evil-loader"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
