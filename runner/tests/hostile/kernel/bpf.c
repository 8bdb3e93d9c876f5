// attack: Loads BPF: maps, a trivial program, type information, and looks through the objects of others.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <stdint.h>
#include <string.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

#ifndef SYS_bpf
#define SYS_bpf 321
#endif

static union { struct { uint32_t type, key, value, entries, flags; } map; struct { uint32_t type, count; uint64_t code, license; } program;
               struct { uint32_t id, next, flags; } object; char all[120]; } attr;

int main(void) {
    for (uint32_t type = 1; type < 34; type++) {
        memset(&attr, 0, sizeof attr);
        attr.map.type = type;
        attr.map.key = attr.map.value = 4;
        attr.map.entries = 1;
        refused("BPF_MAP_CREATE", syscall(SYS_bpf, 0, &attr, sizeof attr));
    }
    static const uint64_t code[] = { 0x00000000000000b7ULL /* r0 = 0 */, 0x0000000000000095ULL /* exit */ };
    for (uint32_t type = 1; type < 33; type++) { /* type 1 is the socket filter, the one open to everybody */
        memset(&attr, 0, sizeof attr);
        attr.program.type = type;
        attr.program.count = 2;
        attr.program.code = (uint64_t)(uintptr_t)code;
        attr.program.license = (uint64_t)(uintptr_t)"GPL";
        refused("BPF_PROG_LOAD", syscall(SYS_bpf, 5, &attr, sizeof attr));
    }
    for (int command = 11; command <= 14; command++) {
        memset(&attr, 0, sizeof attr);
        attr.object.id = 1;
        refused("a BPF object of others", syscall(SYS_bpf, command, &attr, sizeof attr));
    }
    if (!broken) puts("held");
    return 0;
}
