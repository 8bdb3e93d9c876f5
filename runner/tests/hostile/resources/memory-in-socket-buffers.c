// attack: Fills the buffers of a thousand Unix sockets, which no process has resident.
// expect: OutOfMemory

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static char block[65536];
    memset(block, 1, sizeof block);
    size_t held = 0;
    for (int pairs = 0; pairs < 500 && held < ((size_t)400 << 20); pairs++) {
        int fd[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0) break;
        for (int end = 0; end < 2; end++) {
            int size = 1 << 20;
            setsockopt(fd[end], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
            fcntl(fd[end], F_SETFL, O_NONBLOCK);
            for (ssize_t wrote; (wrote = write(fd[end], block, sizeof block)) > 0;) held += (size_t)wrote;
        }
        usleep(1000);
    }
    sleep(2);
    printf("BROKEN: %zu MiB in socket buffers under a limit of 128 MiB\n", held >> 20);
    return 0;
}
