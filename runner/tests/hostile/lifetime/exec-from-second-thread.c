// attack: A second thread replaces the program by exec, which swaps the thread leader under whoever watches it.
// expect: Completed

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static char *name;

static void *work(void *unused) {
    (void)unused;
    execl("/proc/self/exe", name, "again", (char *)NULL);
    puts("BROKEN: could not try: exec failed");
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc > 1) { usleep(200000); puts("held"); return 0; }
    name = argv[0];
    pthread_t t;
    if (pthread_create(&t, NULL, work, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
    for (;;) pause();
}
