// attack: Takes the no-new-privileges mark off, by prctl, in a child and after exec; makes itself dumpable again.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

static int marked(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1; }

int main(int argc, char **argv) {
    if (argc > 1) return marked() ? 7 : 8; /* after exec */
    refused("PR_SET_NO_NEW_PRIVS to 0", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    if (!marked()) { puts("BROKEN: no mark on main"); broken = 1; }
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) { execl("/proc/self/exe", argv[0], "again", (char *)NULL); _exit(9); }
    int status = 0;
    waitpid(p, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) { printf("BROKEN: after exec: status %#x\n", status); broken = 1; }

    /* To be dumpable is the own business: the own memory can be read then, and nobody else's. */
    static const char word[] = "own memory";
    char copy[sizeof word] = "";
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int fd = open("/proc/self/mem", O_RDONLY);
    if (fd >= 0 && pread(fd, copy, sizeof copy, (off_t)(unsigned long)word) == (ssize_t)sizeof copy && memcmp(copy, word, sizeof word) != 0) {
        puts("BROKEN: /proc/self/mem is somebody else's memory");
        broken = 1;
    }
    refused("/proc/1/mem", open("/proc/1/mem", O_RDONLY));
    if (!broken) puts("held");
    return 0;
}
