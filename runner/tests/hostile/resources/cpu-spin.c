// attack: Spins on the processor for ever.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <stdio.h>
#include <time.h>

int main(void) {
    /* Ends by itself after 6 s of processor time, well before the wall clock limit: so only the processor limit can stop it. */
    while (clock() < 6 * CLOCKS_PER_SEC) {}
    puts("BROKEN: 6 s of processor time under a limit of 1 s");
    return 0;
}
