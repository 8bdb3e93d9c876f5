# attack: Looks for sockets among its inherited descriptors, and for internet sockets among the standard ones.
# expect: Completed

import os
import socket
import stat

broken = []
for fd in range(1024):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if not stat.S_ISSOCK(mode):
        continue
    with socket.socket(fileno=os.dup(fd)) as s:
        if fd > 2 or s.family != socket.AF_UNIX:
            broken.append(f"descriptor {fd} is a socket of family {int(s.family)}")
        else:
            # A socket as stdin or stdout is fine, unless one can pass descriptors by it to somebody who takes them.
            try:
                peer = s.getpeername()
                if peer:
                    broken.append(f"descriptor {fd} leads to the named socket {peer!r}")
            except OSError:
                pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
