// attack: Runs exec with far more arguments than allowed, and with one of 128 KiB and more, to make the kernel hold them.
// expect: Completed

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int try_exec(char **argv) {
    pid_t p = fork();
    if (p < 0) return -1;
    if (p == 0) { execv("/proc/self/exe", argv); _exit(42); }
    int status;
    waitpid(p, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv) {
    if (argc > 1) return 7; /* the re-executed image */
    (void)argv;
    char *one = malloc((4 << 20) + 1);
    char **many = calloc((1 << 18) + 1, sizeof *many);
    if (one == NULL || many == NULL) { puts("BROKEN: could not try: no memory"); return 0; }
    memset(one, 'a', 4 << 20);
    one[4 << 20] = 0;
    for (int i = 0; i < (1 << 18); i++) many[i] = one + (4 << 20) - 64;
    char *single[] = { "main", one, NULL };
    int a = try_exec(single), b = try_exec(many);
    char *small[] = { "main", "x", NULL };
    if (try_exec(small) != 7) puts("BROKEN: could not try: exec of itself fails anyway");
    else if (a != 42 || b != 42) printf("BROKEN: oversized arguments were taken: %d %d\n", a, b);
    else puts("held");
    return 0;
}
