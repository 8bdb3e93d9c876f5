// attack: Writes a file of prototypes into the system by an option.
// expect: CompileFailed
// compileArgs: ["-aux-info", "/etc/evil"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("BROKEN: it was compiled");
    return 0;
}
