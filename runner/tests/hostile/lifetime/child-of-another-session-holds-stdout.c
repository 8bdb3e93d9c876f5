// attack: Sixteen children in sessions of their own ignore every signal and keep all descriptors open when main ends.
// expect: Completed
// limits: timeoutSeconds=4

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    int ready[2], started = 0;
    if (pipe(ready) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    for (int i = 0; i < 16; i++) {
        pid_t p = fork();
        if (p < 0) continue;
        if (p > 0) { started++; continue; }
        setsid();
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        sleep(20);
        puts("BROKEN: a child that ignores every signal outlived the run");
        fflush(stdout);
        _exit(0);
    }
    char c;
    for (int i = 0; i < started; i++)
        if (read(ready[0], &c, 1) != 1) { puts("BROKEN: could not try: a child ended early"); return 0; }
    puts(started > 0 ? "held" : "BROKEN: could not try: no children");
    return 0;
}
