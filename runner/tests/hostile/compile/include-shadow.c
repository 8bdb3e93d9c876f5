// attack: Includes the password file, whose first lines an error message would quote.
// expect: CompileFailed
// places: embedded

#include "/etc/shadow"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /etc/shadow was included");
    return 0;
}
