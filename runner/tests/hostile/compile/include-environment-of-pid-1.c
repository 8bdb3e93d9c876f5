// attack: Includes the environment of PID 1, the runner, which an error message would quote.
// expect: CompileFailed
// places: embedded

#include "/proc/1/environ"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /proc/1/environ was included");
    return 0;
}
