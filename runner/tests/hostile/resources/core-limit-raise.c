// attack: Raises the core size limit, lets children abort in each writable folder and looks for core files.
// expect: Completed

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    static const char *const folders[] = { "/work", "/tmp", "/dev/shm" };
    int broken = 0;
    struct rlimit want = { RLIM_INFINITY, RLIM_INFINITY }, now;
    if (setrlimit(RLIMIT_CORE, &want) == 0) { puts("BROKEN: the core limit was raised to infinity"); broken = 1; }
    if (getrlimit(RLIMIT_CORE, &now) != 0 || now.rlim_max > 1) {
        puts("BROKEN: the hard core limit is not 0 (or 1, which also stops dumps to a pipe)");
        broken = 1;
    }
    want.rlim_cur = want.rlim_max = now.rlim_max;
    setrlimit(RLIMIT_CORE, &want);
    for (int f = 0; f < 3; f++) {
        pid_t p = fork();
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        if (p == 0) { if (chdir(folders[f]) != 0) _exit(0); abort(); }
        int status;
        if (waitpid(p, &status, 0) != p || !WIFSIGNALED(status)) { puts("BROKEN: could not try: the child did not abort"); broken = 1; }
        DIR *d = opendir(folders[f]);
        for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
            if (strncmp(e->d_name, "core", 4) == 0) { printf("BROKEN: %s/%s\n", folders[f], e->d_name); broken = 1; }
        if (d != NULL) closedir(d);
    }
    if (!broken) puts("held");
    return 0;
}
