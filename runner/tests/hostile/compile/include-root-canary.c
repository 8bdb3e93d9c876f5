// attack: Includes a file of root by climbing out of the folder.
// expect: CompileFailed
// places: embedded

#include "../../../root/canary"
#include <stdio.h>

int main(void) {
    puts("BROKEN: ../../../root/canary was included");
    return 0;
}
