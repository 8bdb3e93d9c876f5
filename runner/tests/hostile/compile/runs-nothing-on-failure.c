// attack: The source fails to compile, but would say so if an older program were run in its place.
// expect: CompileFailed
// places: embedded

#include <stdio.h>

int main(void) { puts("BROKEN: it was run"); return 0 }
