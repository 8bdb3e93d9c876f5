// attack: Exits with 137, as a shell says of a program killed by SIGKILL.
// expect: NonZeroExit
// exit: 137

int main(void) {
    return 137;
}
