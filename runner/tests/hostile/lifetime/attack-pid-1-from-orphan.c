// attack: An orphan in another session, reparented to PID 1, tries ptrace, prlimit, setpriority, pidfds and process_vm_readv on it.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static void say(int fd, const char *what) { dprintf(fd, "BROKEN: an orphan: %s\n", what); }

int main(void) {
    int report[2];
    if (pipe(report) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) {
        setsid();
        pid_t middle = getpid();
        pid_t q = fork();
        if (q != 0) _exit(q < 0);
        int w = report[1];
        for (int i = 0; i < 500 && getppid() == middle; i++) usleep(10000);
        if (getppid() == middle) { dprintf(w, "BROKEN: could not try: never became an orphan\n"); _exit(0); }
        struct rlimit r;
        if (ptrace(PTRACE_SEIZE, 1, NULL, NULL) == 0) say(w, "PTRACE_SEIZE of PID 1");
        if (prlimit(1, RLIMIT_NOFILE, NULL, &r) == 0) say(w, "prlimit of PID 1");
        if (setpriority(PRIO_PROCESS, 1, 19) == 0) say(w, "setpriority of PID 1");
        int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
        for (int fd = 0; pidfd >= 0 && fd < 64; fd++)
            if (syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0) say(w, "pidfd_getfd from PID 1");
        char buffer[8];
        struct iovec local = { buffer, sizeof buffer }, remote = { (void *)0x400000, sizeof buffer };
        /* EFAULT would mean that the permission was given and only the address is wrong. */
        if (process_vm_readv(1, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT) say(w, "process_vm_readv of PID 1");
        dprintf(w, "done\n");
        _exit(0);
    }
    waitpid(p, NULL, 0);
    close(report[1]);
    char text[4096];
    size_t n = 0;
    for (ssize_t got; n < sizeof text - 1 && (got = read(report[0], text + n, sizeof text - 1 - n)) > 0;) n += (size_t)got;
    text[n] = 0;
    if (n == 5 && text[0] == 'd') puts("held");
    else printf("%s", n > 0 ? text : "BROKEN: could not try: the orphan said nothing\n");
    return 0;
}
