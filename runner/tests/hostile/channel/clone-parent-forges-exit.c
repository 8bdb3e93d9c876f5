// attack: A sibling made by CLONE_PARENT exits with 0 first, so that the runner may take it for main, which exits with 3.
// expect: NonZeroExit
// exit: 3
// stdout: ""

#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    for (int i = 0; i < 5; i++)
        if (syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), 0UL, 0UL, 0UL, 0UL) == 0) _exit(0);
    usleep(200000);
    _exit(3);
}
