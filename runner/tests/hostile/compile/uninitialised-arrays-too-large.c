// attack: Two arrays of 1 TiB each lie further apart than the code model can reach.
// expect: CompileFailed
// places: embedded

#include <stdio.h>

char first[1ULL << 40], second[1ULL << 40];

int main(int argc, char **argv) {
    first[argc] = second[argc] = argv[0][0];
    printf("BROKEN: linked: %d\n", first[argc] + second[argc]);
    return 0;
}
