// attack: Raises each of its resource limits above the hard limit, by setrlimit and by prlimit64, and checks them again in a new process.
// expect: Completed

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int broken;

static void try_all(const char *who) {
    for (int r = 0; r < RLIM_NLIMITS; r++) {
        struct rlimit before, after;
        if (getrlimit(r, &before) != 0) { printf("BROKEN: could not try: getrlimit(%d)\n", r); broken = 1; continue; }
        if (before.rlim_max == RLIM_INFINITY) {
            if (r == RLIMIT_NOFILE || r == RLIMIT_FSIZE || r == RLIMIT_CORE) { printf("BROKEN: limit %d is infinite\n", r); broken = 1; }
            continue;
        }
        struct rlimit one = { before.rlim_max, before.rlim_max + 1 }, all = { RLIM_INFINITY, RLIM_INFINITY };
        setrlimit(r, &one);
        setrlimit(r, &all);
        prlimit(0, r, &one, NULL);
        prlimit(getpid(), r, &all, NULL);
        if (getrlimit(r, &after) != 0 || after.rlim_max > before.rlim_max) { printf("BROKEN: %s raised limit %d\n", who, r); broken = 1; }
    }
    int fd = fcntl(0, F_DUPFD, 1024);
    if (fd >= 0) { printf("BROKEN: %s has descriptor %d\n", who, fd); broken = 1; }
}

int main(void) {
    try_all("main");
    fflush(stdout);
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) { setsid(); try_all("a child"); fflush(stdout); _exit(broken); }
    int status;
    waitpid(p, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) broken = 1;
    if (!broken) puts("held");
    return 0;
}
