# attack: Arguments hold newlines, carriage returns, tabs, escapes and other control characters.
# expect: Completed
# args: ["a\nb", "\n", "\r\n", "\t", "\u001b[2J\u001b]0;x\u0007", "\u007f", "\u0001", "line\nrm -rf /\n", "\u2028", "\ufeff", "\u202e"]
# stdout: "[\"a\\nb\", \"\\n\", \"\\r\\n\", \"\\t\", \"\\u001b[2J\\u001b]0;x\\u0007\", \"\\u007f\", \"\\u0001\", \"line\\nrm -rf /\\n\", \"\\u2028\", \"\\ufeff\", \"\\u202e\"]\n"

import json
import sys

print(json.dumps(sys.argv[1:]))
