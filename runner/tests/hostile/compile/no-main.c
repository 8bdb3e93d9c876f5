// attack: There is no main function.
// expect: CompileFailed
// places: embedded

int other(void) { return 0; }
