// attack: Ends by SIGALRM, which must not count as the sandbox's own timer.
// expect: Signaled
// signal: SIGALRM

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGALRM, SIG_DFL);
    kill(getpid(), SIGALRM);
    return 3;
}
