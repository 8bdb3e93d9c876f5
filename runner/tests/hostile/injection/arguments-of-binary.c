// attack: Arguments of a compiled program hold options and shell syntax; each must arrive as it is, in brackets here.
// expect: Completed
// args: ["--help", "-o", "$(id)", "`id`", "a b", "", "line\nbreak", "*"]
// stdout: "[--help]\n[-o]\n[$(id)]\n[`id`]\n[a b]\n[]\n[line\nbreak]\n[*]\n"

#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) printf("[%s]\n", argv[i]);
    return 0;
}
