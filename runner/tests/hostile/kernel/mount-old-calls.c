// attack: Mounts, binds, moves, re-mounts and unmounts by the classic calls, and turns the root over.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    if (mkdir("/work/m", 0700) != 0) { puts("BROKEN: could not try: no folder"); return 0; }
    static const char *const types[] = { "tmpfs", "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue", "ramfs", "debugfs",
                                         "tracefs", "securityfs", "binfmt_misc", "bpf", "configfs", "overlay", "fuse", "ext4", "nfs", "9p", "autofs" };
    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        refused(types[i], mount("none", "/work/m", types[i], 0, "fd=0,rootmode=40000,user_id=0,group_id=0"));
        refused(types[i], mount("none", "/work/m", types[i], MS_NOSUID | MS_NODEV, NULL));
    }
    refused("bind of /", mount("/", "/work/m", NULL, MS_BIND | MS_REC, NULL));
    refused("bind of a folder of its own", mount("/tmp", "/work/m", NULL, MS_BIND, NULL));
    refused("bind over /usr", mount("/work/m", "/usr", NULL, MS_BIND, NULL));
    refused("bind over a program", mount("/proc/self/exe", "/bin/sh", NULL, MS_BIND, NULL));
    refused("overlay over /etc", mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir=/work,workdir=/tmp"));
    refused("re-mount of /", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
    refused("re-mount of /work with exec and suid", mount(NULL, "/work", NULL, MS_REMOUNT, "size=8g,nr_inodes=0"));
    refused("re-mount of /tmp", mount(NULL, "/tmp", NULL, MS_REMOUNT, "size=8g"));
    refused("re-mount of /proc", mount(NULL, "/proc", NULL, MS_REMOUNT, "hidepid=0"));
    refused("shared propagation of /", mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
    refused("move of /proc", mount("/proc", "/work/m", NULL, MS_MOVE, NULL));
    static const char *const mounted[] = { "/proc", "/work", "/tmp", "/dev/shm", "/dev", "/sys", "/usr", "/" };
    static const int flags[] = { 0, MNT_DETACH, MNT_FORCE, MNT_EXPIRE, UMOUNT_NOFOLLOW };
    for (int m = 0; m < 8; m++)
        for (int f = 0; f < 5; f++) refused(mounted[m], umount2(mounted[m], flags[f]));
    refused("pivot_root", syscall(SYS_pivot_root, "/work", "/work/m"));
    refused("pivot_root onto itself", syscall(SYS_pivot_root, ".", "."));
    refused("chroot", chroot("/work/m"));
    if (!broken) puts("held");
    return 0;
}
