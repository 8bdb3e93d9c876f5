// attack: Uses the kernel keyrings, which know no namespace: adds, requests, joins, searches and reads keys.
// expect: Completed

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static int broken;

static void refused(const char *what, long result) {
    if (result < 0) return;
    printf("BROKEN: %s\n", what);
    broken = 1;
}

int main(void) {
    static const char *const types[] = { "user", "logon", "keyring", "big_key", "asymmetric", "encrypted" };
    for (int i = 0; i < 6; i++)
        for (long ring = -1; ring >= -5; ring--) {
            refused("add_key", syscall(SYS_add_key, types[i], "locus", i == 2 ? NULL : "x", i == 2 ? 0UL : 1UL, ring));
            refused("request_key", syscall(SYS_request_key, types[i], "locus", NULL, ring));
        }
    refused("request_key with a call-out to a program of root", syscall(SYS_request_key, "user", "locus", "call-out", -2L));
    refused("a new session keyring", syscall(SYS_keyctl, 1L, NULL));
    refused("a named session keyring", syscall(SYS_keyctl, 1L, "locus"));
    for (long ring = -1; ring >= -5; ring--) {
        char text[256];
        refused("id of a keyring", syscall(SYS_keyctl, 0L, ring, 1L));
        refused("description of a keyring", syscall(SYS_keyctl, 6L, ring, text, sizeof text));
        refused("contents of a keyring", syscall(SYS_keyctl, 11L, ring, text, sizeof text));
    }
    refused("persistent keyring", syscall(SYS_keyctl, 22L, -1L, -1L));
    refused("capabilities of keyrings", syscall(SYS_keyctl, 31L, (char[8]){ 0 }, 8UL));
    if (!broken) puts("held");
    return 0;
}
