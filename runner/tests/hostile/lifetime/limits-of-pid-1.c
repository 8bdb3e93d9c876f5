// attack: Lowers the resource limits of PID 1 (prlimit64), which the kernel allows between processes of the same user.
// expect: Completed

#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int attack(const char *who) {
    int broken = 0;
    for (int r = 0; r < RLIM_NLIMITS; r++) {
        struct rlimit old;
        /* Reading is told as well: it needs the same right as writing. */
        if (prlimit(1, r, NULL, &old) != 0) continue;
        printf("BROKEN: %s reads limit %d of PID 1\n", who, r);
        broken = 1;
        if (prlimit(1, r, &old, NULL) == 0) printf("BROKEN: %s sets limit %d of PID 1\n", who, r);
    }
    /* With the reading refused, a blind write may still pass a careless filter. 1024 is what the limit is anyway. */
    struct rlimit files = { 1024, 1024 };
    if (prlimit(1, RLIMIT_NOFILE, &files, NULL) == 0) { printf("BROKEN: %s sets RLIMIT_NOFILE of PID 1\n", who); broken = 1; }
    return broken;
}

int main(void) {
    int broken = attack("main");
    fflush(stdout);
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        setsid();
        pid_t q = fork();
        if (q < 0) _exit(1);
        if (q == 0) { int b = attack("a grandchild"); fflush(stdout); _exit(b); }
        int s = 0;
        waitpid(q, &s, 0);
        _exit(WIFEXITED(s) ? WEXITSTATUS(s) : 1);
    }
    int status = 0;
    waitpid(p, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) { puts("BROKEN: the grandchild"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
