# attack: Sends forged credentials (PID 1, user 0) over a Unix socket.
# expect: Completed

import os
import socket
import struct

SCM_CREDENTIALS = 2
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
b.setsockopt(socket.SOL_SOCKET, 16, 1)  # SO_PASSCRED
own = (os.getpid(), os.getuid(), os.getgid())
broken = []
for forged in ((1, own[1], own[2]), (own[0], 0, own[2]), (own[0], own[1], 0), (1, 0, 0), (os.getppid(), own[1], own[2])):
    if forged == own:
        continue
    try:
        a.sendmsg([b"x"], [(socket.SOL_SOCKET, SCM_CREDENTIALS, struct.pack("iII", *forged))])
    except OSError:
        continue
    _, ancillary, _, _ = b.recvmsg(1, 64)
    for _, kind, data in ancillary:
        if kind == SCM_CREDENTIALS and struct.unpack("iII", data[:12]) == forged:
            broken.append(f"credentials {forged} were taken")
a.send(b"x")
_, ancillary, _, _ = b.recvmsg(1, 64)
if not any(kind == SCM_CREDENTIALS and struct.unpack("iII", data[:12])[1:] == own[1:] for _, kind, data in ancillary):
    broken.append("could not try: the honest credentials do not come through")
print("\n".join("BROKEN: " + b for b in broken) or "held")
