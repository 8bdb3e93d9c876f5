// attack: Nests a million parentheses without closing them, until the parser's stack is used up.
// expect: CompileFailed
// limits: timeoutSeconds=20 cpuSeconds=20 memoryBytes=1073741824
// places: embedded

#define O0 (
#define O1 O0 O0 O0 O0 O0 O0 O0 O0 O0 O0
#define O2 O1 O1 O1 O1 O1 O1 O1 O1 O1 O1
#define O3 O2 O2 O2 O2 O2 O2 O2 O2 O2 O2
#define O4 O3 O3 O3 O3 O3 O3 O3 O3 O3 O3
#define O5 O4 O4 O4 O4 O4 O4 O4 O4 O4 O4
#define O6 O5 O5 O5 O5 O5 O5 O5 O5 O5 O5

int nested = O6 1;

int main(void) { return nested; }
