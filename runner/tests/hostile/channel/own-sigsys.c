// attack: Sends itself SIGSYS, as the system call filter would.
// expect: Signaled
// signal: SIGSYS

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGSYS, SIG_DFL);
    kill(getpid(), SIGSYS);
    return 3;
}
