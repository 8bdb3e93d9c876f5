# attack: The input holds shell commands, which must arrive as text.
# expect: Completed
# stdin: "$(touch /work/pwned)\n`touch /work/pwned`; touch /work/pwned\n\ntouch /work/pwned\nEOF\n.\n"
# stdout: "\"$(touch /work/pwned)\\n`touch /work/pwned`; touch /work/pwned\\n\\ntouch /work/pwned\\nEOF\\n.\\n\"\nheld\n"

import json
import os
import sys

print(json.dumps(sys.stdin.read()))
print("BROKEN: input was run" if os.path.exists("/work/pwned") else "held")
