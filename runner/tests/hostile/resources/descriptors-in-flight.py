# attack: Parks open files inside undelivered socket messages and closes its own copies, to hold more than the limit.
# expect: Completed

import array
import os
import socket

parked = 0
refused = False
pairs = []
fds = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(200)])
try:
    for _ in range(200):
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        pairs.append((a, b))
        a.setblocking(False)
        while parked < 20000:
            try:
                a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            except BlockingIOError:
                break  # this queue is full: the next pair
            parked += len(fds)
        if parked >= 20000:
            break
except OSError:
    refused = True

if parked >= 20000 or not refused and parked > 4096:
    print(f"BROKEN: {parked} open files in flight under a limit of 1024")
else:
    print("held")
