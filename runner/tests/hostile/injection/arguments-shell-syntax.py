# attack: Arguments hold the shell's syntax, which must arrive as plain text.
# expect: Completed
# args: ["$(touch /work/pwned)", "`id`", "; rm -rf /work/*", "| cat /etc/passwd", "&& false", "> /work/out", "$HOME", "${PATH}", "*", "~", "'", "\"", "\\", "!!", "a b", "#", "{a,b}", "<(id)", "%s%n", "%PATH%", "^", "$'\\x41'"]
# stdout: "[\"$(touch /work/pwned)\", \"`id`\", \"; rm -rf /work/*\", \"| cat /etc/passwd\", \"&& false\", \"> /work/out\", \"$HOME\", \"${PATH}\", \"*\", \"~\", \"'\", \"\\\"\", \"\\\\\", \"!!\", \"a b\", \"#\", \"{a,b}\", \"<(id)\", \"%s%n\", \"%PATH%\", \"^\", \"$'\\\\x41'\"]\n"

import json
import sys

print(json.dumps(sys.argv[1:]))
