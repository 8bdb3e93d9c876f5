# attack: HOME and TMPDIR lead to places the program may not write; XDG folders as well.
# expect: Completed
# env: {"HOME": "/root", "TMPDIR": "/etc", "XDG_RUNTIME_DIR": "/run/user/0", "XDG_CONFIG_HOME": "/root/.config"}

import os
import tempfile

folder = tempfile.gettempdir()
try:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
except OSError as error:
    print(f"BROKEN: could not try: {error}")
broken = [path for path in ("/root/locus-canary", "/etc/locus-canary") if os.path.exists(path)]
print("\n".join("BROKEN: " + b for b in broken) or "held")
