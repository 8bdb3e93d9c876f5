// attack: Exits with -1, which the kernel cuts to 255.
// expect: NonZeroExit
// exit: 255

#include <stdlib.h>

int main(void) {
    exit(-1);
}
