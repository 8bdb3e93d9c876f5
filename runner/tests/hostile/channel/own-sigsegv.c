// attack: Sends itself SIGSEGV.
// expect: Signaled
// signal: SIGSEGV

#include <signal.h>
#include <unistd.h>

int main(void) {
    signal(SIGSEGV, SIG_DFL);
    kill(getpid(), SIGSEGV);
    return 3;
}
