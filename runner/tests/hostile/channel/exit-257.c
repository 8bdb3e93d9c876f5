// attack: Exits with 257, which the kernel cuts to 1.
// expect: NonZeroExit
// exit: 1

#include <stdlib.h>

int main(void) {
    exit(257);
}
