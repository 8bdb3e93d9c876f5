// attack: Floods stdout with single-byte writes, to cost the reader one wake-up each.
// expect: OutputLimitExceeded

#include <stdio.h>
#include <unistd.h>

int main(void) {
    for (int n = 0; n < 2000000; n++)
        if (write(1, "x", 1) != 1) return 0;
    puts("BROKEN: 2 MB written under a limit of 64 KiB");
    return 0;
}
