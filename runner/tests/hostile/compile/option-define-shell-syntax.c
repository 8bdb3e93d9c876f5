// attack: A definition holds quotes and shell syntax and must arrive as it is.
// expect: Completed
// compileArgs: ["-DTEXT=\"$(id) `id` ; | & \\\" held\""]
// stdout: "$(id) `id` ; | & \" held\n"
// places: embedded

#include <stdio.h>

#ifndef TEXT
#define TEXT "BROKEN: could not try: no definition arrived"
#endif

int main(void) {
    puts(TEXT);
    return 0;
}
