// attack: The main thread ends by pthread_exit and looks like a zombie; another thread runs on and ends the program in order.
// expect: Completed

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *work(void *unused) {
    (void)unused;
    usleep(400000);
    puts("held");
    exit(0);
}

int main(void) {
    pthread_t t;
    if (pthread_create(&t, NULL, work, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
    pthread_exit(NULL);
}
