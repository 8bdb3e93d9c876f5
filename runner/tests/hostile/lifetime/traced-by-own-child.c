// attack: Lets its own child trace it and hold it in a ptrace stop at exit, so that main never quite ends.
// expect: Completed

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int answer[2];
    if (pipe(answer) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    pid_t parent = getpid(), p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        setsid();
        char ok = ptrace(PTRACE_SEIZE, parent, NULL, (void *)PTRACE_O_TRACEEXIT) == 0 ? 'y' : 'n';
        if (write(answer[1], &ok, 1) != 1) _exit(1);
        if (ok == 'y') for (;;) pause(); /* never continues it */
        _exit(0);
    }
    char c = '?';
    if (read(answer[0], &c, 1) != 1) c = '?';
    puts(c == 'n' ? "held" : "BROKEN: the own child traces main");
    return 0;
}
