// attack: Blocks and ignores every signal there is and spins past the deadline.
// expect: TimedOut
// limits: timeoutSeconds=1

#include <signal.h>
#include <stdio.h>
#include <time.h>

int main(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
    time_t start = time(NULL);
    while (time(NULL) - start < 8) {}
    puts("BROKEN: ran 8 s under a limit of 1 s");
    return 0;
}
