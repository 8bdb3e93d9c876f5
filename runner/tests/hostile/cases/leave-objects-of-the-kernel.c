// attack: Leaves its input in System V segments, queues and semaphores, in a POSIX queue and in an abstract socket, for the next case.
// expect: Completed
// cases: ["one", "two", "three"]

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(void) {
    char mine[64] = { 0 };
    int broken = 0;
    if (read(0, mine, sizeof mine - 1) <= 0) { puts("BROKEN: could not try: no input"); return 0; }
    for (key_t key = 1; key < 64; key++) {
        if (shmget(key, 1, 0) >= 0) { puts("BROKEN: a segment is there"); broken = 1; }
        if (msgget(key, 0) >= 0) { puts("BROKEN: a message queue is there"); broken = 1; }
        if (semget(key, 1, 0) >= 0) { puts("BROKEN: a set of semaphores is there"); broken = 1; }
        shmget(key, 4096, IPC_CREAT | 0666);
        msgget(key, IPC_CREAT | 0666);
        semget(key, 1, IPC_CREAT | 0666);
    }
    for (int number = 0; number < 4; number++) {
        char name[32];
        snprintf(name, sizeof name, "/word-%d", number);
        struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 64 };
        mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0666, &a);
        if (queue == (mqd_t)-1 && errno == EEXIST) { puts("BROKEN: a POSIX queue is there"); broken = 1; }
        if (queue != (mqd_t)-1) mq_send(queue, mine, sizeof mine, 0);
    }
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memcpy(at.sun_path, "\0word", 5);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + 5;
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr *)&at, length) == 0) { puts("BROKEN: somebody listens"); broken = 1; }
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&at, length) != 0) { puts("BROKEN: the name is taken"); broken = 1; }
    listen(server, 1);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) sleep(600);
        sleep(600);
    }
    if (!broken) puts("held");
    return 0;
}
