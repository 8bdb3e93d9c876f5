// attack: A chain of processes that keeps moving: each forks a successor in a new session and exits at once, so no list of processes stays true.
// expect: Completed
// limits: timeoutSeconds=5

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    int moving[2];
    if (pipe(moving) != 0) { puts("BROKEN: could not try: pipe failed"); return 0; }
    time_t start = time(NULL);
    for (int chain = 0; chain < 4; chain++) {
        pid_t p = fork();
        if (p < 0) { puts("BROKEN: could not try: fork failed"); return 0; }
        if (p > 0) continue;
        for (int generation = 0; time(NULL) - start < 8; generation++) { /* the safety bound */
            setsid();
            if (generation == 50 && write(moving[1], "x", 1) != 1) _exit(1);
            pid_t next;
            while ((next = fork()) < 0) usleep(1000);
            if (next > 0) _exit(0);
        }
        puts("BROKEN: the chain outlived the run");
        fflush(stdout);
        _exit(0);
    }
    char c;
    for (int chain = 0; chain < 4; chain++)
        if (read(moving[0], &c, 1) != 1) { puts("BROKEN: could not try: a chain broke"); return 0; }
    puts("held");
    return 0; /* the four chains are moving */
}
