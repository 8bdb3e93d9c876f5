// attack: Sends itself SIGXFSZ, which must not count as anything but a signal.
// expect: Signaled
// signal: SIGXFSZ

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGXFSZ, SIG_DFL);
    kill(getpid(), SIGXFSZ);
    return 3;
}
