// attack: Replaces the compiled program, in place and by another file, by a link and by a folder, so that the next case runs something else.
// expect: Completed
// cases: ["a", "b", "c", "d", "e"]

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void) {
    char which = 0;
    if (read(0, &which, 1) != 1) { puts("BROKEN: could not try: no input"); return 0; }
    struct stat state;
    if (lstat("main", &state) != 0 || !S_ISREG(state.st_mode) || state.st_nlink != 1) puts("BROKEN: it is another file");
    const char cheat[] = "#!/bin/sh\necho BROKEN: another program runs\n";
    switch (which) {
    case 'a': unlink("main"); break;
    case 'b': symlink("/bin/true", "other"); rename("other", "main"); break;
    case 'c': unlink("main"); mkdir("main", 0); break;
    case 'd': link("main", "again"); chmod("main", 0); break;
    }
    if (which == 'a' || which == 'd') {
        unlink("main");
        int file = open("main", O_WRONLY | O_CREAT | O_TRUNC, 0755);
        if (file < 0 || write(file, cheat, strlen(cheat)) < 0) puts("BROKEN: could not try: it can't be written");
        close(file);
    }
    unlink("main.c");
    puts("held");
    return 0;
}
