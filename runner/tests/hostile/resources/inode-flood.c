// attack: Creates empty files, which take no space but kernel memory, until the folder has no inodes left.
// expect: Completed
// limits: timeoutSeconds=30 cpuSeconds=30
// places: embedded

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    static const char *const folders[] = { "/work", "/tmp", "/dev/shm" };
    int broken = 0;
    for (int f = 0; f < 3; f++) {
        char name[64];
        int n, error = 0;
        for (n = 0; n < 400000; n++) {
            snprintf(name, sizeof name, "%s/i%d", folders[f], n);
            int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
            if (fd < 0) { error = errno; break; }
            close(fd);
        }
        if (error == 0) { printf("BROKEN: %s took %d files\n", folders[f], n); broken = 1; break; }
        if (error != ENOSPC && error != EDQUOT) {
            printf("BROKEN: could not try %s: errno %d after %d files\n", folders[f], error, n);
            broken = 1;
        }
        while (n-- > 0) {
            snprintf(name, sizeof name, "%s/i%d", folders[f], n);
            unlink(name);
        }
    }
    if (!broken) puts("held");
    return 0;
}
