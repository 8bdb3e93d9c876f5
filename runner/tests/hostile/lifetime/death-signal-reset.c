// attack: Clears its parent-death signal and leaves group and session before it forks a survivor.
// expect: Completed
// limits: timeoutSeconds=5

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(void) {
    int ready[2];
    if (pipe(ready) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
        setsid();
        if (write(ready[1], "x", 1) != 1) _exit(1);
        sleep(8);
        puts("BROKEN: the survivor outlived the run");
        fflush(stdout);
        _exit(0);
    }
    char c;
    if (read(ready[0], &c, 1) != 1) { puts("BROKEN: could not try: the child ended early"); return 0; }
    setpgid(0, 0);
    puts("held");
    return 0;
}
