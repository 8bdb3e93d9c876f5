// attack: Nests a hundred thousand braces of an initialiser without closing them.
// expect: OutputLimitExceeded
// limits: timeoutSeconds=20 cpuSeconds=20 memoryBytes=1073741824
// places: embedded

#define O0 {
#define O1 O0 O0 O0 O0 O0 O0 O0 O0 O0 O0
#define O2 O1 O1 O1 O1 O1 O1 O1 O1 O1 O1
#define O3 O2 O2 O2 O2 O2 O2 O2 O2 O2 O2
#define O4 O3 O3 O3 O3 O3 O3 O3 O3 O3 O3
#define O5 O4 O4 O4 O4 O4 O4 O4 O4 O4 O4

int nested[] = O5 1;

int main(void) { return nested[0]; }
