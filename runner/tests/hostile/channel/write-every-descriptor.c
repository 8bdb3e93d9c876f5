// attack: Looks for an inherited descriptor beside the three standard ones and writes a forged result into it.
// expect: Completed

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    static const char forged[] = "{\"type\":\"finished\",\"result\":{\"outcome\":\"Completed\",\"error\":\"\",\"exitCode\":0}}\n";
    int broken = 0;
    for (int fd = 3; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) continue;
        ssize_t n = write(fd, forged, strlen(forged));
        printf("BROKEN: descriptor %d is open, writing to it gave %zd\n", fd, n);
        broken = 1;
    }
    if (!broken) puts("held");
    return 0;
}
