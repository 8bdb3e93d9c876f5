# attack: Arguments look like options of the interpreter, the compiler, the shell and the launcher.
# expect: Completed
# args: ["--help", "-c", "import os; os._exit(9)", "-m", "this", "--", "-", "-V", "-i", "--version", "-o", "/work/x", "@/etc/passwd", "-wrapper", "/bin/sh", "--limits=none", "-I", "-X", "importtime"]
# stdout: "[\"--help\", \"-c\", \"import os; os._exit(9)\", \"-m\", \"this\", \"--\", \"-\", \"-V\", \"-i\", \"--version\", \"-o\", \"/work/x\", \"@/etc/passwd\", \"-wrapper\", \"/bin/sh\", \"--limits=none\", \"-I\", \"-X\", \"importtime\"]\n"

import json
import sys

print(json.dumps(sys.argv[1:]))
