// attack: Leaves a word for the next case in flags, numbers and attributes of the folders and of the program, which outlive what is in them.
// expect: Completed
// cases: ["one", "two", "three"]

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of a 32-bit program, and those of ext4. */
#define FS_IOC32_SETFLAGS_ _IOW('f', 2, int)
#define FS_IOC32_SETVERSION_ _IOW('v', 2, int)
#define EXT4_IOC_SETVERSION_ _IOW('f', 4, long)
/* The numbers of Linux 6.17, which are the same on all architectures. */
#define FILE_GETATTR 468
#define FILE_SETATTR 469

struct attributes { __u64 xflags; __u32 extsize, nextents, projid, cowextsize; };

static int broken;

static void check(int is_broken, const char *where, const char *what) {
    if (!is_broken) return;
    printf("BROKEN: %s: %s\n", where, what);
    broken = 1;
}

static void mark(const char *where) {
    int file = open(where, O_RDONLY);
    if (file < 0) { check(1, where, "could not try: it can't be opened"); return; }
    long flags = 0, number = 0x776f7264;
    struct fsxattr attributes = { 0 };
    struct attributes wide = { 0 };
    /* The kernel may have no such question for this file system. What is answered must be what it was at first. */
    if (ioctl(file, FS_IOC_GETFLAGS, &flags) == 0) check((flags & (FS_NODUMP_FL | FS_NOATIME_FL | FS_APPEND_FL)) != 0, where, "flags of another case");
    if (ioctl(file, FS_IOC_FSGETXATTR, &attributes) == 0) {
        check((attributes.fsx_xflags & (FS_XFLAG_NODUMP | FS_XFLAG_NOATIME | FS_XFLAG_APPEND)) != 0, where, "attributes of another case");
        check(attributes.fsx_projid != 0, where, "a project of another case");
    }
    if (syscall(FILE_GETATTR, file, "", &wide, sizeof wide, AT_EMPTY_PATH) == 0) check((wide.xflags & FS_XFLAG_NODUMP) != 0, where, "attributes of another case");

    const long fewer = flags | FS_NODUMP_FL;
    const long more[] = { fewer, flags | FS_NOATIME_FL, flags | FS_APPEND_FL, flags | FS_IMMUTABLE_FL, flags | FS_SYNC_FL };
    for (unsigned i = 0; i < sizeof more / sizeof *more; i++) {
        long set = more[i];
        check(ioctl(file, FS_IOC_SETFLAGS, &set) == 0, where, "flags were set");
        check(ioctl(file, FS_IOC32_SETFLAGS_, &set) == 0, where, "flags were set as a 32-bit program does");
        /* The kernel looks at the lower half of the request alone. */
        check(syscall(SYS_ioctl, file, FS_IOC_SETFLAGS | 1UL << 32, &set) == 0, where, "flags were set past the filter");
    }
    attributes.fsx_xflags |= FS_XFLAG_NODUMP;
    check(ioctl(file, FS_IOC_FSSETXATTR, &attributes) == 0, where, "attributes were set");
    attributes.fsx_projid = 77;
    check(ioctl(file, FS_IOC_FSSETXATTR, &attributes) == 0, where, "a project was set");
    check(ioctl(file, FS_IOC_SETVERSION, &number) == 0, where, "a version was set");
    check(ioctl(file, FS_IOC32_SETVERSION_, &number) == 0, where, "a version was set as a 32-bit program does");
    check(ioctl(file, EXT4_IOC_SETVERSION_, &number) == 0, where, "a version was set as of ext4");
    wide.xflags |= FS_XFLAG_NODUMP;
    check(syscall(FILE_SETATTR, file, "", &wide, sizeof wide, AT_EMPTY_PATH) == 0, where, "attributes were set by a call of their own");
    check(syscall(FILE_SETATTR, AT_FDCWD, where, &wide, sizeof wide, 0) == 0, where, "attributes were set by name");
    close(file);
}

int main(void) {
    char mine[16];
    check(read(0, mine, sizeof mine) <= 0, "input", "could not try: there is none");
    mark("/work");
    mark("/tmp");
    mark("/dev/shm");
    mark("main");
    if (!broken) puts("held");
    return 0;
}
