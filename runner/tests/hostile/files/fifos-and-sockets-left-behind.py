# attack: Leaves named pipes, sockets and links to endless devices behind, for a collector of files to hang on.
# expect: Completed
# limits: timeoutSeconds=5

import os
import socket

made = 0
for folder in ("/work", "/tmp", "/dev/shm"):
    for name in ("output.txt", "result.json", "core", ".profile"):
        try:
            os.mkfifo(os.path.join(folder, name), 0o666)
            made += 1
        except OSError:
            pass
    for name, target in (("zero", "/dev/zero"), ("random", "/dev/urandom"), ("loop", "loop"), ("up", ".."), ("terminal", "/dev/tty")):
        os.symlink(target, os.path.join(folder, name))
        made += 1
    try:
        s = socket.socket(socket.AF_UNIX)
        s.bind(os.path.join(folder, "socket"))
        made += 1
    except OSError:
        pass
print("held" if made else "BROKEN: could not try: nothing could be made")
