// attack: Becomes root by every call that sets users, groups and capabilities.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    if (getuid() == 0 || geteuid() == 0) { puts("BROKEN: is root already"); return 0; }
    gid_t zero = 0, gids[1] = { 0 };
    refused("setuid", setuid(0));
    refused("seteuid", seteuid(0));
    refused("setreuid", setreuid(0, 0));
    refused("setresuid", setresuid(0, 0, 0));
    refused("setresuid of the saved one", setresuid((uid_t)-1, (uid_t)-1, 0));
    refused("setuid to the user nobody", setuid(getuid() == 65534 ? 65533 : 65534));
    if (getgid() != 0) {
        refused("setgid", setgid(zero));
        refused("setregid", setregid(0, 0));
        refused("setresgid", setresgid(0, 0, 0));
    }
    refused("setgroups", setgroups(1, gids));
    refused("setgroups to none", setgroups(0, NULL));
    setfsuid(0);
    if (setfsuid((uid_t)-1) == 0) { puts("BROKEN: setfsuid"); broken = 1; }
    setfsgid(0);
    if (getgid() != 0 && setfsgid((gid_t)-1) == 0) { puts("BROKEN: setfsgid"); broken = 1; }

    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct all[2] = { { ~0u, ~0u, ~0u }, { 0x1ff, 0x1ff, 0x1ff } };
    refused("capset of everything", syscall(SYS_capset, &header, all));
    for (int c = 0; c <= 40; c++) {
        struct __user_cap_data_struct one[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
        one[c / 32].permitted = one[c / 32].effective = 1u << (c % 32);
        refused("capset of one capability", syscall(SYS_capset, &header, one));
        one[c / 32].effective = one[c / 32].permitted = 0;
        one[c / 32].inheritable = 1u << (c % 32);
        refused("capset of one inheritable capability", syscall(SYS_capset, &header, one));
        refused("an ambient capability", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0));
    }
    refused("PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0x2f, 0, 0, 0));
    if (getuid() == 0 || geteuid() == 0) { puts("BROKEN: became root"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
