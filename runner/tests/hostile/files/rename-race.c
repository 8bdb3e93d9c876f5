// attack: Exchanges a folder with a symbolic link to /etc and others again and again while another thread reads and writes through it.
// expect: Completed

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;
static atomic_long swaps;

static void *swap(void *unused) {
    (void)unused;
    while (!atomic_load(&stop)) {
        if (syscall(SYS_renameat2, AT_FDCWD, "/work/d", AT_FDCWD, "/work/l", 2 /* RENAME_EXCHANGE */) == 0) atomic_fetch_add(&swaps, 1);
        else { /* without renameat2: by two renames */
            rename("/work/d", "/work/t");
            rename("/work/l", "/work/d");
            rename("/work/t", "/work/l");
            atomic_fetch_add(&swaps, 1);
        }
    }
    return NULL;
}

int main(void) {
    static const char *const targets[] = { "/etc", "/usr", "/", "/proc/1" };
    int broken = 0;
    for (int t = 0; t < 4; t++) {
        if (mkdir("/work/d", 0700) != 0 || symlink(targets[t], "/work/l") != 0) { puts("BROKEN: could not try: no folder"); return 0; }
        pthread_t thread;
        atomic_store(&stop, 0);
        atomic_store(&swaps, 0);
        if (pthread_create(&thread, NULL, swap, NULL) != 0) { puts("BROKEN: could not try: no thread"); return 0; }
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        do {
            /* The real folder never has files of these names: any success went through the link. */
            int fd = open("/work/d/shadow", O_RDONLY);
            if (fd < 0) fd = open("/work/d/etc/shadow", O_RDONLY);
            if (fd < 0) fd = open("/work/d/environ", O_RDONLY);
            if (fd >= 0) { printf("BROKEN: a secret of %s was opened\n", targets[t]); broken = 1; close(fd); break; }
            fd = open("/work/d/locus-race", O_WRONLY | O_CREAT, 0600);
            if (fd >= 0) close(fd);
            unlink("/work/d/locus-race");
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 150 || (atomic_load(&swaps) < 100 && now.tv_sec - start.tv_sec < 2));
        atomic_store(&stop, 1);
        pthread_join(thread, NULL);
        if (atomic_load(&swaps) < 2) { puts("BROKEN: could not try: no swaps"); broken = 1; }
        char path[64];
        snprintf(path, sizeof path, "%s/locus-race", targets[t]);
        if (access(path, F_OK) == 0) { printf("BROKEN: %s was made\n", path); broken = 1; unlink(path); }
        static const char *const names[] = { "/work/d", "/work/l", "/work/t" };
        for (int n = 0; n < 3; n++) {
            char inside[64];
            struct stat st;
            if (lstat(names[n], &st) != 0) continue;
            if (S_ISLNK(st.st_mode)) { unlink(names[n]); continue; }
            snprintf(inside, sizeof inside, "%s/locus-race", names[n]);
            unlink(inside);
            rmdir(names[n]);
        }
    }
    if (!broken) puts("held");
    return 0;
}
