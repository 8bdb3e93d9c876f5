// attack: Includes the memory of PID 1.
// expect: CompileFailed
// places: embedded

#include "/proc/1/mem"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /proc/1/mem was included");
    return 0;
}
