// attack: Joins the namespaces of PID 1, of its parent and its own by files of /proc and by pidfds.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <sched.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int main(void) {
    static const char *const kinds[] = { "user", "mnt", "net", "pid", "pid_for_children", "ipc", "uts", "cgroup", "time", "time_for_children" };
    const pid_t pids[] = { 1, getppid(), getpid() };
    for (int p = 0; p < 3; p++) {
        if (pids[p] <= 0) continue;
        for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            char path[64];
            snprintf(path, sizeof path, "/proc/%d/ns/%s", pids[p], kinds[k]);
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd < 0) continue;
            if (pids[p] != getpid()) refused(path, 0); /* to open it is too much already */
            refused(path, setns(fd, 0));
            close(fd);
        }
        int pidfd = (int)syscall(SYS_pidfd_open, pids[p], 0);
        if (pidfd < 0) continue;
        static const int flags[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
                                     CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID };
        for (unsigned f = 0; f < sizeof flags / sizeof *flags; f++) refused("setns by a pidfd", setns(pidfd, flags[f]));
        close(pidfd);
    }
    if (!broken) puts("held");
    return 0;
}
