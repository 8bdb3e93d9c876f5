// attack: Ignores SIGXFSZ and writes a single file past the file size limit, also from a child and by an appending descriptor.
// expect: Completed

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char block[1 << 20];

static void fill(const char *name, int flags) {
    int fd = open(name, O_WRONLY | O_CREAT | flags, 0600);
    if (fd < 0) return;
    for (int n = 0; n < 24; n++)
        if (write(fd, block, sizeof block) < 0) break;
    close(fd);
}

static int too_large(const char *name) {
    struct stat st;
    if (stat(name, &st) != 0 || st.st_size == 0) { printf("BROKEN: could not try: %s is missing or empty\n", name); return 1; }
    if (st.st_size > 16777216) { printf("BROKEN: %s has %lld bytes\n", name, (long long)st.st_size); return 1; }
    unlink(name);
    return 0;
}

int main(void) {
    signal(SIGXFSZ, SIG_IGN);
    int broken = 0;
    fill("/work/plain", O_TRUNC);
    broken |= too_large("/work/plain");
    fill("/work/append", O_APPEND);
    fill("/work/append", O_APPEND);
    broken |= too_large("/work/append");
    pid_t c = fork();
    if (c == 0) { setsid(); fill("/work/child", O_TRUNC); _exit(0); }
    if (c < 0 || waitpid(c, NULL, 0) != c) { puts("BROKEN: could not try: no child"); return 0; }
    broken |= too_large("/work/child");
    if (!broken) puts("held");
    return 0;
}
