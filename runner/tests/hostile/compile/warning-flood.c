// attack: Makes the compiler warn 199 times, each time with the whole stack of inclusions, and then include too deeply.
// expect: OutputLimitExceeded
// places: embedded

#warning "a warning that is repeated at every level of inclusion, with the stack of all levels above"
#include __FILE__

int main(void) { return 0; }
