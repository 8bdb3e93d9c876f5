// attack: Administers the machine: kernel images, modules, reboot, swap, accounting, quotas, hang-up, host name and clocks.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/reboot.h>
#include <sys/swap.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load 320
#endif
#ifndef SYS_finit_module
#define SYS_finit_module 313
#endif

/* The arguments are wrong on purpose, so that nothing happens: then only a refusal for lack of the right counts. */
static void forbidden(const char *what, long result) {
    if (result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS)) return;
    printf("BROKEN: %s came to the arguments: result %ld, errno %d\n", what, result, errno);
    broken = 1;
}

int main(void) {
    forbidden("kexec_load", syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL));
    forbidden("kexec_file_load", syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, 0UL));
    forbidden("init_module", syscall(SYS_init_module, NULL, 0UL, ""));
    forbidden("finit_module", syscall(SYS_finit_module, -1, "", 0));
    forbidden("delete_module", syscall(SYS_delete_module, "locus_none", 0x800u));
    refused("reboot (only the setting of control-alt-delete)", reboot(RB_DISABLE_CAD));
    refused("swapon", swapon("/work/none", 0));
    refused("swapoff", swapoff("/work/none"));
    forbidden("acct", acct(NULL));
    refused("quotactl", syscall(SYS_quotactl, (0x800002 << 8), "/dev/sda1", 0, NULL));
    forbidden("vhangup", vhangup());

    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0) { puts("BROKEN: could not try: no host name"); broken = 1; }
    size_t length = 0;
    while (name[length] != 0) length++;
    refused("sethostname", sethostname(name, length));
    refused("setdomainname", setdomainname("", 0));

    struct timespec now;
    struct timeval tv;
    clock_gettime(CLOCK_REALTIME, &now);
    refused("clock_settime", clock_settime(CLOCK_REALTIME, &now));
    gettimeofday(&tv, NULL);
    refused("settimeofday", settimeofday(&tv, NULL));
    struct timezone zone = { 0, 0 };
    refused("settimeofday of the zone", syscall(SYS_settimeofday, NULL, &zone));
    struct timex t = { .modes = 0 };
    if (adjtimex(&t) >= 0) { /* reading is open to everybody */
        t.modes = ADJ_TICK; /* the tick that it has */
        refused("adjtimex", adjtimex(&t));
        t.modes = ADJ_TICK;
        refused("clock_adjtime", clock_adjtime(CLOCK_REALTIME, &t));
    }
    if (!broken) puts("held");
    return 0;
}
