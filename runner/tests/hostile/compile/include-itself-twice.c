// attack: Includes itself twice at each of 40 levels: 2 to the 40 inclusions without any output.
// expect: TimedOut
// limits: timeoutSeconds=2 memoryBytes=536870912
// places: embedded

#if __INCLUDE_LEVEL__ < 40
#include __FILE__
#include __FILE__
#endif
#if __INCLUDE_LEVEL__ == 0
int main(void) { return 0; }
#endif
