// attack: Makes every system call there may be with senseless arguments, in children, to find one that crashes, hangs or hands out something.
// expect: Completed
// limits: timeoutSeconds=20

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    int tried = 0, retries = 0;
    for (long n = 0; n < 480; n++) {
        /* kill(-1) would mean everybody, which is a case of its own; sync only costs the machine's disks time. */
        if (n == SYS_kill || n == SYS_sync) continue;
        pid_t p = fork();
        if (p < 0) {
            if (++retries > 5000) break;
            usleep(1000);
            n--;
            continue;
        }
        if (p == 0) {
            setsid();
            for (int fd = 0; fd < 64; fd++) close(fd);
            syscall(n, -1L, -1L, -1L, -1L, -1L, -1L);
            _exit(geteuid() == 0 ? 77 : 0);
        }
        int status = 0;
        /* Calls that wait (pause and the like) are ended after a tenth of a second. */
        int waited = 0;
        while (waitpid(p, &status, WNOHANG) == 0) {
            if (++waited > 100) { kill(p, SIGKILL); waitpid(p, &status, 0); break; }
            usleep(waited < 20 ? 200 : 1000);
        }
        tried++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) { printf("BROKEN: system call %ld made the process root\n", n); return 0; }
    }
    puts(tried > 400 ? "held" : "BROKEN: could not try: too few children");
    return 0;
}
