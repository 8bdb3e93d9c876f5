// attack: Prints a good end, raises its output to the limit exactly and only then dies: a runner that judges by output or order is misled.
// expect: Signaled
// signal: SIGABRT
// stdout: "held\nheld\nheld\n1"
// limits: outputBytes=16

#include <stdlib.h>
#include <unistd.h>

int main(void) {
    if (write(1, "held\nheld\nheld\n1", 16) != 16) return 3;
    close(1);
    close(2);
    usleep(100000);
    abort();
}
