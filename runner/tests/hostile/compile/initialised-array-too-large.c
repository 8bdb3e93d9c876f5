// attack: An initialised array of 64 MiB makes the object file larger than a file may be.
// expect: CompileFailed
// places: embedded

char large[64 << 20] = { 1 };

int main(void) { return large[0]; }
