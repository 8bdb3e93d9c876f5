// attack: Nests pointers and attributes a hundred thousand deep in a type without an end.
// expect: CompileFailed
// limits: timeoutSeconds=20 cpuSeconds=20 memoryBytes=1073741824
// places: embedded

#define O0 __attribute__((aligned(8))) *
#define O1 O0 O0 O0 O0 O0 O0 O0 O0 O0 O0
#define O2 O1 O1 O1 O1 O1 O1 O1 O1 O1 O1
#define O3 O2 O2 O2 O2 O2 O2 O2 O2 O2 O2
#define O4 O3 O3 O3 O3 O3 O3 O3 O3 O3 O3
#define O5 O4 O4 O4 O4 O4 O4 O4 O4 O4 O4

int O5 deep(;

int main(void) { return 0; }
