// attack: Ends by SIGPIPE; also shows that the runner does not hand on an ignored SIGPIPE.
// expect: Signaled
// signal: SIGPIPE

#include <signal.h>
#include <unistd.h>

int main(void) {
    kill(getpid(), SIGPIPE);
    return 3;
}
