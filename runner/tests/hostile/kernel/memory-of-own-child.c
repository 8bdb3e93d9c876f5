// attack: Reads and writes the memory of its own child by process_vm_readv and process_vm_writev.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    static volatile char secret[16] = "before";
    pid_t p = fork();
    if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
    if (p == 0) { for (;;) pause(); }
    char data[16] = "after";
    struct iovec local = { data, sizeof data }, remote = { (void *)(unsigned long)secret, sizeof secret };
    refused("process_vm_writev", process_vm_writev(p, &local, 1, &remote, 1, 0));
    refused("process_vm_readv", process_vm_readv(p, &local, 1, &remote, 1, 0));
    kill(p, SIGKILL);
    waitpid(p, NULL, 0);
    if (!broken) puts("held");
    return 0;
}
