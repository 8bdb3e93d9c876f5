# attack: LD_PRELOAD and LD_AUDIT name a library in /work: only the own program may be touched, never the runner or the launcher.
# expect: Completed
# env: {"LD_PRELOAD": "/work/evil.so", "LD_AUDIT": "/work/evil.so"}

import os

# The library does not exist: the loader says so on stderr and goes on. Nothing but that may happen.
print("held" if not os.path.exists("/work/evil.so") else "BROKEN: could not try: the library exists")
