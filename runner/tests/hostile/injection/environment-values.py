# attack: Values of the environment hold newlines, shell syntax, quotes, controls, and a second variable.
# expect: Completed
# env: {"PLAIN": "x", "LINES": "a\nb\nFORGED=1", "SHELL_SYNTAX": "$(touch /work/pwned) `id` ; rm -rf /", "QUOTES": "'\"\\", "EQUALS": "a=b=c", "EMPTY": "", "UNICODE": "\u00e4\u00f6\u00fc\ud83d\ude00", "CONTROL": "\u001b[2J\u0007\u0001\r"}
# stdout: "[\"x\", \"a\\nb\\nFORGED=1\", \"$(touch /work/pwned) `id` ; rm -rf /\", \"'\\\"\\\\\", \"a=b=c\", \"\", \"\\u00e4\\u00f6\\u00fc\\ud83d\\ude00\", \"\\u001b[2J\\u0007\\u0001\\r\", null]\nFalse\n"

import json
import os

NAMES = ["PLAIN", "LINES", "SHELL_SYNTAX", "QUOTES", "EQUALS", "EMPTY", "UNICODE", "CONTROL", "FORGED"]
print(json.dumps([os.environ.get(name) for name in NAMES]))
print(os.path.exists("/work/pwned"))
