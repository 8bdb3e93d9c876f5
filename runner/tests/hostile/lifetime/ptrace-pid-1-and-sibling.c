// attack: Attaches to PID 1, to the parent and to a sibling with ptrace, by ATTACH and by SEIZE.
// expect: Completed

#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int broken;

static void attack(const char *who, pid_t pid) {
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
        printf("BROKEN: PTRACE_SEIZE of %s\n", who);
        broken = 1;
        ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0) {
        printf("BROKEN: PTRACE_ATTACH to %s\n", who);
        broken = 1;
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
}

int main(void) {
    pid_t victim = fork();
    if (victim < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (victim == 0) { for (;;) pause(); }
    attack("PID 1", 1);
    if (getppid() > 1) attack("the parent", getppid());
    fflush(stdout);
    pid_t sibling = fork();
    if (sibling < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (sibling == 0) { setsid(); attack("PID 1 from a child", 1); attack("a sibling", victim); fflush(stdout); _exit(broken); }
    int status = 0;
    waitpid(sibling, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) broken = 1;
    kill(victim, SIGKILL);
    if (!broken) puts("held");
    return 0;
}
