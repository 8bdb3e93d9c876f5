// attack: Hides memory in 16 System V segments of 16 MiB, detached and so in no process's resident set.
// expect: Completed
// expect-counted: OutOfMemory

#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

int main(void) {
    const size_t size = 16 << 20;
    size_t total = 0;
    for (int i = 0; i < 16; i++) {
        int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
        if (id < 0) {
            if (i == 0) { puts("held"); return 0; }
            break;
        }
        char *p = shmat(id, NULL, 0);
        if (p == (void *)-1) {
            shmctl(id, IPC_RMID, NULL);
            if (i == 0) { puts("held"); return 0; }
            break;
        }
        memset(p, 0x5a, size);
        shmdt(p); /* the segment lives on without a process */
        total += size;
    }
    sleep(3);
    printf("BROKEN: %zu MiB held in System V segments under a limit of 128 MiB\n", total >> 20);
    return 0;
}
