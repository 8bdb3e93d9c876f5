// attack: Defines an array larger than the address space.
// expect: CompileFailed
// places: embedded

char large[~0ULL];

int main(void) { return large[0]; }
