// attack: Replaces itself by itself for ever, so that no process image lives long.
// expect: TimedOut
// limits: timeoutSeconds=1

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char start[32];
    snprintf(start, sizeof start, "%lld", argc > 1 ? atoll(argv[1]) : (long long)time(NULL));
    if (time(NULL) - atoll(start) > 8) { puts("BROKEN: ran 8 s under a limit of 1 s"); return 0; }
    execl("/proc/self/exe", argv[0], start, (char *)NULL);
    puts("BROKEN: could not try: exec failed");
    return 2;
}
