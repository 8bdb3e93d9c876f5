// attack: Watches the folders of the machine that are mounted here too, to learn what others run.
// expect: Completed

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int main(void) {
    int fd = inotify_init();
    if (fd >= 0) {
        for (const char *folders[] = {"/usr/bin", "/usr/lib", "/bin", "/lib", NULL}, **folder = folders; *folder; folder++)
            if (inotify_add_watch(fd, *folder, IN_OPEN | IN_ACCESS) >= 0) printf("BROKEN: watching %s\n", *folder);
        close(fd);
    }
    puts("held");
    return 0;
}
