// attack: Sends PID 1 signals by tkill, tgkill, sigqueue with forged sender, pidfd_send_signal, kill of its group and F_SETOWN.
// expect: Completed

#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static char state(void) { /* 0 when PID 1 is hidden */
    char text[512] = "";
    FILE *f = fopen("/proc/1/stat", "r");
    if (f == NULL) return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    char *end = strrchr(text, ')');
    return end != NULL && end[1] != 0 ? end[2] : 0;
}

int main(void) {
    if (getpid() == 1 || getuid() == 0) { puts("BROKEN: could not try: PID 1 is the program itself, or it is root"); return 0; }
    pid_t group = getpgid(1);
    int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
    for (int s = 1; s <= 64; s++) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        info.si_signo = s;
        info.si_code = SI_QUEUE;
        info.si_pid = 1; /* pretends that PID 1 sends it to itself */
        syscall(SYS_tkill, 1, s);
        syscall(SYS_tgkill, 1, 1, s);
        syscall(SYS_rt_sigqueueinfo, 1, s, &info);
        syscall(SYS_rt_tgsigqueueinfo, 1, 1, s, &info);
        if (pidfd >= 0) {
            syscall(SYS_pidfd_send_signal, pidfd, s, NULL, 0);
            syscall(SYS_pidfd_send_signal, pidfd, s, &info, 0);
        }
        /* kill(-1, ...) would mean everybody and kill(0, ...) the own group: only a real group of another. */
        if (group > 1 && group != getpgrp()) kill(-group, s);
    }
    int p[2];
    if (pipe(p) == 0) { /* SIGIO-like signals by a file's owner */
        fcntl(p[0], F_SETOWN, 1);
        fcntl(p[0], F_SETSIG, SIGKILL);
        fcntl(p[0], F_SETFL, O_ASYNC);
        if (write(p[1], "x", 1) != 1) puts("BROKEN: could not try: pipe");
    }
    usleep(300000);
    char after = state();
    if (after == 'T' || after == 't' || after == 'Z' || after == 'X') printf("BROKEN: PID 1 is in state %c\n", after);
    else puts("held");
    return 0;
}
