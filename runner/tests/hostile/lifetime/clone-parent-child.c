// attack: Makes a sibling by CLONE_PARENT, so that the runner is told of the death (exit 7) of a child it never started.
// expect: Completed

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    for (int i = 0; i < 3; i++) {
        long p = syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0UL, 0UL, 0UL, 0UL);
        if (p == 0) {
            if (i == 2) raise(SIGKILL);
            _exit(7);
        }
        usleep(100000); /* its death is told before main's; when clone is refused there is nothing to tell */
    }
    puts("held");
    return 0;
}
