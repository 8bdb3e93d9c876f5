// attack: Includes the token of the Kubernetes service account.
// expect: CompileFailed
// places: embedded

#include "/run/secrets/kubernetes.io/serviceaccount/token"
#include <stdio.h>

int main(void) {
    puts("BROKEN: /run/secrets/kubernetes.io/serviceaccount/token was included");
    return 0;
}
