// attack: Closes every descriptor and ends with success, without a word.
// expect: Completed
// stdout: ""

#include <unistd.h>

int main(void) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    _exit(0);
}
