// attack: Includes itself without end.
// expect: CompileFailed
// places: embedded

#include __FILE__

int main(void) { return 0; }
