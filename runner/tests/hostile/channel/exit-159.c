// attack: Exits with 159, as a shell says of a program killed by SIGSYS.
// expect: NonZeroExit
// exit: 159

int main(void) {
    return 159;
}
