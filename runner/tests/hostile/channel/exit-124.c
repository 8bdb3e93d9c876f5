// attack: Exits with 124, as timeout(1) says of a program that ran too long.
// expect: NonZeroExit
// exit: 124

int main(void) {
    return 124;
}
