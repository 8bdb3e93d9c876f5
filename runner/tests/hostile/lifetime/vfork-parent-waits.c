// attack: Keeps main suspended in vfork (uninterruptible by stop signals) while the child runs past the deadline.
// expect: TimedOut
// limits: timeoutSeconds=1

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    pid_t p = vfork();
    if (p == 0) {
        signal(SIGTERM, SIG_IGN);
        sleep(8);
        _exit(0);
    }
    puts(p < 0 ? "BROKEN: could not try: vfork failed" : "BROKEN: ran 8 s under a limit of 1 s");
    return 0;
}
