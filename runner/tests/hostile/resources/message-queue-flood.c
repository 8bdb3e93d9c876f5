// attack: Stores data in System V and POSIX message queues and semaphores, which live in the kernel and outlive their makers.
// expect: Completed
// expect-counted: OutOfMemory

#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct message { long type; char text[8192]; };

int main(void) {
    static struct message m = { .type = 1 };
    size_t stored = 0;
    int broken = 0;
    memset(m.text, 0x5a, sizeof m.text);
    while (stored < (64u << 20)) {
        int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
        if (q < 0) break;
        size_t before = stored;
        while (stored < (64u << 20) && msgsnd(q, &m, sizeof m.text, IPC_NOWAIT) == 0) stored += sizeof m.text;
        if (stored == before) break;
    }
    if (stored >= (64u << 20)) { puts("BROKEN: 64 MiB in System V message queues"); broken = 1; }
    int sets = 0;
    while (sets < 20000 && semget(IPC_PRIVATE, 250, IPC_CREAT | 0600) >= 0) sets++;
    if (sets == 20000) { puts("BROKEN: 20000 sets of 250 semaphores"); broken = 1; }
    struct mq_attr a = { .mq_maxmsg = 10, .mq_msgsize = 8192 };
    int queues;
    for (queues = 0; queues < 1000; queues++) {
        char name[32];
        snprintf(name, sizeof name, "/hoard-%d", queues);
        if (mq_open(name, O_CREAT | O_RDWR, 0600, &a) == (mqd_t)-1) break;
    }
    if (queues == 1000) { puts("BROKEN: 1000 POSIX message queues"); broken = 1; }
    if (!broken) puts("held");
    return 0;
}
