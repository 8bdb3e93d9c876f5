// attack: Writes a single file past the file size limit with the default action of SIGXFSZ.
// expect: Signaled
// signal: SIGXFSZ

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    static char block[1 << 20];
    int fd = open("/work/large", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) { puts("BROKEN: could not try: no file in /work"); return 0; }
    for (int n = 0; n < 17; n++)
        if (write(fd, block, sizeof block) < 0) { puts("BROKEN: could not try: the write failed without a signal"); return 0; }
    puts("BROKEN: 17 MiB written under a limit of 16 MiB");
    return 0;
}
