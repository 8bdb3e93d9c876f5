// attack: Searches its own memory (stack, auxiliary vector and above) for secrets the runner left there before the exec.
// expect: Completed

#include <stdio.h>
#include <string.h>

/* The words are kept as pieces, so that the search does not find itself. */
static int is_word(const char *p, const char *a, const char *b) {
    size_t n = strlen(a);
    return strncmp(p, a, n) == 0 && strncmp(p + n, b, strlen(b)) == 0;
}

int main(int argc, char **argv) {
    unsigned long from = 0, to = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL) { puts("BROKEN: could not try: no maps"); return 0; }
    while (fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "[stack]") != NULL) { sscanf(line, "%lx-%lx", &from, &to); break; }
    fclose(maps);
    if (to == 0) { puts("BROKEN: could not try: no stack"); return 0; }
    (void)argc;
    int broken = 0;
    /* From the arguments upwards: what the kernel copied in at exec. */
    for (const char *p = argv[0]; (unsigned long)p + 32 < to; p++)
        if (is_word(p, "LOCUS", "_") || is_word(p, "TOKEN", "=") || is_word(p, "SECRET", "=") || is_word(p, "KUBERNETES", "_") || is_word(p, "Bea", "rer ")) {
            printf("BROKEN: a secret lies at the top of the stack: %.24s\n", p);
            broken = 1;
            break;
        }
    if (!broken) puts("held");
    return 0;
}
