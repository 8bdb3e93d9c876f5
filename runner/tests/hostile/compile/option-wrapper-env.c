// attack: Runs the compiler's steps under another program (env), which is allowed within the sandbox and harmless.
// expect: Completed
// compileArgs: ["-wrapper", "/usr/bin/env"]
// places: embedded

#include <stdio.h>

int main(void) {
    puts("held");
    return 0;
}
