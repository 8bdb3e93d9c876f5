// attack: Includes a folder.
// expect: CompileFailed
// places: embedded

#include "/etc"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /etc was included");
    return 0;
}
