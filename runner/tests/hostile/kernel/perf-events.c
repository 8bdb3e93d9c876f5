// attack: Opens performance counters for itself, for PID 1 and for whole processors, hardware, software and breakpoints.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/perf_event.h>
#include <string.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    for (unsigned type = 0; type < 12; type++)
        for (int target = 0; target < 3; target++) {
            struct perf_event_attr a;
            memset(&a, 0, sizeof a);
            a.type = type;
            a.size = sizeof a;
            a.exclude_kernel = a.exclude_hv = 1; /* what the default settings allow to everybody */
            a.disabled = 1;
            if (type == PERF_TYPE_BREAKPOINT) { a.bp_type = 3; a.bp_addr = (unsigned long)&broken; a.bp_len = 4; }
            static const int pid[] = { 0, 1, -1 }, cpu[] = { -1, -1, 0 };
            long fd = syscall(SYS_perf_event_open, &a, pid[target], cpu[target], -1, 0UL);
            refused("perf_event_open", fd);
            if (fd >= 0) close((int)fd);
        }
    if (!broken) puts("held");
    return 0;
}
