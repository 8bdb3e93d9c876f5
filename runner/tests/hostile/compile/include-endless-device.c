// attack: Includes a device that never ends, so that the compiler reads until time or memory is over.
// expect: OutOfMemory
// limits: timeoutSeconds=5 cpuSeconds=5
// places: embedded

#include "/dev/zero"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /dev/zero was included");
    return 0;
}
