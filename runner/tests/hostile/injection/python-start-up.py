# attack: PYTHONSTARTUP and PYTHONINSPECT name files and modes of the interpreter: stdin must not become a program.
# expect: Completed
# env: {"PYTHONSTARTUP": "/work/evil.py", "PYTHONNOUSERSITE": "", "PYTHONWARNINGS": "ignore"}
# stdin: "import os\nos._exit(9)\n"
# stdout: "'import os\\nos._exit(9)\\n'\nheld\n"

import sys

print(repr(sys.stdin.read()))
print("held")
sys.stdout.flush()
