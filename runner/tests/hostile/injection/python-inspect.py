# attack: PYTHONINSPECT asks the interpreter to go on with stdin after the program: a user's own wish, with the program's own rights.
# expect: Completed
# env: {"PYTHONINSPECT": "1"}
# stdin: ""

import sys

print("held")
sys.stdout.flush()
