// attack: Asks the compiler whether secret files exist; it must not see any of them.
// expect: Completed
// places: embedded

#include <stdio.h>

int main(void) {
    int broken = 0;
#if __has_include("/etc/shadow")
    puts("BROKEN: /etc/shadow is in sight"); broken = 1;
#endif
#if __has_include("/root/canary") || __has_include("../../../root/canary")
    puts("BROKEN: /root/canary is in sight"); broken = 1;
#endif
#if __has_include("/root/.bashrc") || __has_include("/root/.ssh/authorized_keys")
    puts("BROKEN: files of /root are in sight"); broken = 1;
#endif
#if __has_include("/var/run/docker.sock") || __has_include("/run/secrets/kubernetes.io/serviceaccount/token")
    puts("BROKEN: services are in sight"); broken = 1;
#endif
#if !__has_include("/usr/include/stdio.h") && !__has_include(<stdio.h>)
    puts("BROKEN: could not try: nothing is in sight"); broken = 1;
#endif
    if (!broken) puts("held");
    return 0;
}
