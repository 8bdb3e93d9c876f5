// attack: Makes itself a child subreaper to hide its daemons from the runner, and ends while they run.
// expect: Completed
// limits: timeoutSeconds=5

#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int ready[2];
    if (pipe(ready) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 0; i < 4; i++) {
        pid_t p = fork();
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        if (p > 0) { waitpid(p, NULL, 0); continue; }
        /* A second subreaper that dies too, so the daemon goes from hand to hand. */
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        setsid();
        if (fork() == 0) {
            if (fork() == 0) {
                if (write(ready[1], "x", 1) != 1) _exit(1);
                sleep(8);
                puts("BROKEN: a daemon of a subreaper outlived the run");
                fflush(stdout);
            }
            _exit(0);
        }
        _exit(0);
    }
    char c;
    for (int i = 0; i < 4; i++)
        if (read(ready[0], &c, 1) != 1) { puts("BROKEN: could not try: no daemon"); return 0; }
    puts("held");
    return 0;
}
