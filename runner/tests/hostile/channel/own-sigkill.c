// attack: Kills itself by SIGKILL, as a sandbox does at the deadline or for too much memory.
// expect: Signaled
// signal: SIGKILL

#include <signal.h>
#include <unistd.h>

int main(void) {
    kill(getpid(), SIGKILL);
    return 3;
}
