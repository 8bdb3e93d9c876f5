// attack: Exits with 256, which the kernel cuts to 0: no more than an ordinary success.
// expect: Completed
// stdout: ""

#include <stdlib.h>

int main(void) {
    exit(256);
}
