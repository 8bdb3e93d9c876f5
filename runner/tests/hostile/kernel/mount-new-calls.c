// attack: Mounts by the newer calls: fsopen, fspick, open_tree, move_mount, mount_setattr.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
#include <stdint.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

enum { OPEN_TREE_ = 428, MOVE_MOUNT_ = 429, FSOPEN_ = 430, FSCONFIG_ = 431, FSMOUNT_ = 432, FSPICK_ = 433, MOUNT_SETATTR_ = 442, OPEN_TREE_ATTR_ = 467 };

struct attributes { uint64_t set, clear, propagation, userns_fd; };

int main(void) {
    static const char *const types[] = { "tmpfs", "proc", "sysfs", "cgroup2", "bpf", "overlay", "ext4", "mqueue" };
    for (int i = 0; i < 8; i++) {
        long fs = syscall(FSOPEN_, types[i], 1u);
        refused(types[i], fs);
        if (fs >= 0 && syscall(FSCONFIG_, fs, 6u, NULL, NULL, 0) == 0) refused("fsmount", syscall(FSMOUNT_, fs, 0u, 0u));
    }
    static const char *const places[] = { "/", "/work", "/proc", "/usr" };
    for (int i = 0; i < 4; i++) {
        refused("fspick", syscall(FSPICK_, AT_FDCWD, places[i], 0u));
        long tree = syscall(OPEN_TREE_, AT_FDCWD, places[i], 1u | 0x8000u /* CLONE, RECURSIVE */);
        refused("open_tree with a copy", tree);
        if (tree >= 0) refused("move_mount of a copy", syscall(MOVE_MOUNT_, tree, "", AT_FDCWD, "/work", 4u));
        refused("move_mount", syscall(MOVE_MOUNT_, AT_FDCWD, places[i], AT_FDCWD, "/tmp", 0u));
        struct attributes clear = { .clear = 1 /* RDONLY */ | 2 | 4 | 8 };
        refused("mount_setattr", syscall(MOUNT_SETATTR_, AT_FDCWD, places[i], 0x8000u, &clear, sizeof clear));
        refused("mount_setattr of one mount", syscall(MOUNT_SETATTR_, AT_FDCWD, places[i], 0u, &clear, sizeof clear));
        refused("open_tree_attr", syscall(OPEN_TREE_ATTR_, AT_FDCWD, places[i], 1u, &clear, sizeof clear));
    }
    if (!broken) puts("held");
    return 0;
}
