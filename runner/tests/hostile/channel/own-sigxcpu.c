// attack: Sends itself SIGXCPU, which must not count as a used-up processor limit.
// expect: Signaled
// signal: SIGXCPU

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGXCPU, SIG_DFL);
    kill(getpid(), SIGXCPU);
    return 3;
}
