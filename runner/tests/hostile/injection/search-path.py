# attack: PATH leads into /work: the interpreter must be found by the runner's own path all the same.
# expect: Completed
# env: {"PATH": "/work:/tmp"}

import os

print("held" if not os.path.exists("/work/python3") else "BROKEN: could not try")
