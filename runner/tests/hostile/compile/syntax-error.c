// attack: A syntax error: no attack, the plain failure.
// expect: CompileFailed
// places: embedded

int main(void) {
    return 0
}
