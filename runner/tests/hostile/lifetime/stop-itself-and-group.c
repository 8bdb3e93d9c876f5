// attack: Stops its whole process group again and again; a child of another session continues it in between.
// expect: TimedOut
// limits: timeoutSeconds=1

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    pid_t main_pid = getpid();
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        setsid();
        for (int i = 0; i < 1500; i++) { usleep(10000); kill(main_pid, SIGCONT); }
        _exit(0);
    }
    /* Stop only itself when it has no group of its own: kill(0) would reach the runner's own group. */
    time_t start = time(NULL);
    while (time(NULL) - start < 8) kill(getpgrp() == main_pid ? 0 : main_pid, SIGSTOP);
    puts("BROKEN: ran 8 s under a limit of 1 s");
    return 0;
}
