// attack: Includes the memory of the machine.
// expect: CompileFailed
// places: embedded

#include "/proc/kcore"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /proc/kcore was included");
    return 0;
}
