// attack: Reads, clears and watches the kernel log by syslog(2), which is open to everybody where dmesg_restrict is 0.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/klog.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    static char text[1 << 16];
    refused("size of the log", klogctl(10, NULL, 0));
    refused("reading of the log", klogctl(3, text, sizeof text));
    refused("number of unread bytes", klogctl(9, NULL, 0));
    refused("silence on the console", klogctl(6, NULL, 0) < 0 ? -1 : klogctl(7, NULL, 0));
    if (!broken) puts("held");
    return 0;
}
