// attack: Sends itself SIGTERM, as a sandbox may do at the deadline.
// expect: Signaled
// signal: SIGTERM

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGTERM, SIG_DFL);
    kill(getpid(), SIGTERM);
    return 3;
}
