// attack: A function that does not exist: the plain failure of the linker.
// expect: CompileFailed
// places: embedded

int does_not_exist(void);

int main(void) { return does_not_exist(); }
