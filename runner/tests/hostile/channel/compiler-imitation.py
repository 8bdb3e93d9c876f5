# attack: Imitates a compiler's failure on stderr and by its exit code.
# expect: NonZeroExit
# exit: 1
# stdout: ""

import sys

sys.stderr.write(
    "main.c: In function 'main':\n"
    "main.c:1:1: error: expected declaration specifiers before 'x'\n"
    "compilation terminated.\n"
    "collect2: error: ld returned 1 exit status\n"
    "gcc: fatal error: Killed signal terminated program cc1\n"
    "error: compile failed\n"
)
sys.exit(1)
