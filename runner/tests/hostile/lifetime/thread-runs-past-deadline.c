// attack: The main thread ends by pthread_exit, and another thread runs past the deadline behind the zombie leader.
// expect: TimedOut
// limits: timeoutSeconds=1

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *work(void *unused) {
    (void)unused;
    for (int s = 1; s < NSIG; s++) signal(s, SIG_IGN);
    for (int i = 0; i < 8; i++) sleep(1);
    puts("BROKEN: ran 8 s under a limit of 1 s");
    exit(0);
}

int main(void) {
    pthread_t t;
    if (pthread_create(&t, NULL, work, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
    pthread_exit(NULL);
}
