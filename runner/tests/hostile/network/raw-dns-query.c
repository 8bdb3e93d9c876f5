// attack: Sends a DNS query by itself, by sendto and by sendmmsg, to the resolvers of the machine and of the world.
// expect: Completed

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static const unsigned char query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07" "example\x03" "com\x00\x00\x01\x00\x01";
    static const char *const servers[] = { "127.0.0.1", "127.0.0.11", "127.0.0.53", "10.96.0.10", "1.1.1.1", "8.8.8.8" };
    int broken = 0;
    for (int i = 0; i < 6; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0) continue;
        printf("BROKEN: a UDP socket\n");
        broken = 1;
        struct sockaddr_in to;
        memset(&to, 0, sizeof to);
        to.sin_family = AF_INET;
        to.sin_port = htons(53);
        inet_pton(AF_INET, servers[i], &to.sin_addr);
        if (sendto(fd, query, sizeof query - 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) > 0) printf("BROKEN: sent to %s\n", servers[i]);
        struct iovec data = { (void *)query, sizeof query - 1 };
        struct mmsghdr m = { .msg_hdr = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &data, .msg_iovlen = 1 } };
        if (sendmmsg(fd, &m, 1, MSG_DONTWAIT) > 0) printf("BROKEN: sent to %s by sendmmsg\n", servers[i]);
        close(fd);
    }
    /* A Unix socket must not carry it either: connect and sendto with an address of another family. */
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = 0x3500, .sin_addr = { 0x0100007f } };
    if (fd >= 0 && (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) > 0)) {
        puts("BROKEN: a Unix socket reaches an internet address");
        broken = 1;
    }
    if (!broken) puts("held");
    return 0;
}
