// attack: A sibling made by CLONE_PARENT lives on, holds stdout open and is not in main's tree when main ends.
// expect: Completed
// limits: timeoutSeconds=5

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    long p = syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0UL, 0UL, 0UL, 0UL);
    if (p == 0) {
        setsid();
        for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
        sleep(8);
        puts("BROKEN: a sibling outlived the run");
        fflush(stdout);
        _exit(0);
    }
    puts("held");
    return 0;
}
