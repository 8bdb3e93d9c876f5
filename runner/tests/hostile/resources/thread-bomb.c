// attack: Starts threads with tiny stacks until the kernel refuses, to exhaust the thread table past the process limit.
// expect: Completed

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *idle(void *unused) {
    (void)unused;
    for (;;) pause();
    return NULL;
}

int main(void) {
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    int started = 0, rc = 0;
    while (started < 4096) {
        pthread_t t;
        rc = pthread_create(&t, &attr, idle, NULL);
        if (rc != 0) break;
        started++;
    }
    if (rc == 0) printf("BROKEN: %d threads and no refusal\n", started);
    else if (started >= 64) printf("BROKEN: %d threads under a limit of 32 processes\n", started);
    else if (started == 0) puts("BROKEN: could not try: not a single thread could be started");
    else puts("held");
    return 0;
}
