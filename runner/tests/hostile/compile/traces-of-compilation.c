// attack: Looks, when it runs, for anything the compilation left behind that a program should not have: foreign files, open descriptors, children.
// expect: Completed
// places: embedded

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int main(void) {
    int broken = 0;
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) != -1 || errno != EBADF) { printf("BROKEN: descriptor %d is open\n", fd); broken = 1; }
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) { puts("BROKEN: there are children"); broken = 1; }
    DIR *d = opendir("/tmp");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, "cc", 2) == 0) { printf("BROKEN: /tmp/%s is left\n", e->d_name); broken = 1; }
    if (d != NULL) closedir(d);
    if (!broken) puts("held");
    return 0;
}
