// attack: Closes all descriptors and spins: neither output nor a sleeping state to see.
// expect: TimedOut
// limits: cpuSeconds=1 timeoutSeconds=30

#include <time.h>
#include <unistd.h>

int main(void) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    while (clock() < 6 * CLOCKS_PER_SEC) {}
    return 0; /* Completed means that the processor limit did not count */
}
