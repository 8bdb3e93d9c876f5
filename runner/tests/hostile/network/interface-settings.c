// attack: Reads and changes interfaces, routes and neighbours by ioctls on a Unix socket, which answers most of them like any other.
// expect: Completed

#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) { puts("BROKEN: could not try: no Unix socket"); return 0; }
    int broken = 0;
    static const char *const names[] = { "lo", "eth0" };
    for (int i = 0; i < 2; i++) {
        struct ifreq r;
        memset(&r, 0, sizeof r);
        strcpy(r.ifr_name, names[i]);
        if (ioctl(fd, SIOCGIFFLAGS, &r) != 0) continue; /* reading is no harm */
        short flags = r.ifr_flags;
        if (ioctl(fd, SIOCSIFFLAGS, &r) == 0) { printf("BROKEN: flags of %s set\n", names[i]); broken = 1; }
        r.ifr_flags = (short)(flags | IFF_PROMISC);
        if (ioctl(fd, SIOCSIFFLAGS, &r) == 0) { printf("BROKEN: %s listens to everything\n", names[i]); broken = 1; }
        memset(&r.ifr_ifru, 0, sizeof r.ifr_ifru);
        r.ifr_mtu = 1500;
        if (ioctl(fd, SIOCSIFMTU, &r) == 0) { printf("BROKEN: size of packets of %s set\n", names[i]); broken = 1; }
    }
    struct rtentry route;
    memset(&route, 0, sizeof route);
    if (ioctl(fd, SIOCADDRT, &route) == 0) { puts("BROKEN: route added"); broken = 1; }
    if (ioctl(fd, 0x89a0 /* SIOCBRADDBR */, "locus0") == 0) { puts("BROKEN: bridge added"); broken = 1; }
    close(fd);
    if (!broken) puts("held");
    return 0;
}
