// attack: Traces its own child (TRACEME) and changes the number of a system call after the filter has seen it.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    int answer[2];
    if (pipe(answer) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        char c = ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 'y' : 'n';
        if (write(answer[1], &c, 1) != 1) _exit(1);
        for (;;) pause();
    }
    char c = '?';
    if (read(answer[0], &c, 1) != 1 || c == '?') { puts("BROKEN: could not try: the child said nothing"); broken = 1; }
    refused("PTRACE_TRACEME", c == 'y' ? 0 : -1);
    refused("PTRACE_SEIZE of the own child", ptrace(PTRACE_SEIZE, p, NULL, NULL));
    kill(p, SIGKILL);
    waitpid(p, NULL, __WALL);
    if (!broken) puts("held");
    return 0;
}
