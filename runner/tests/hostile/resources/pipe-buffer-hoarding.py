# attack: Asks for 1 MiB of kernel buffer in each of 500 pipes and fills them.
# expect: Completed

import fcntl
import os

F_SETPIPE_SZ, F_GETPIPE_SZ = 1031, 1032
BLOCK = b"\x5a" * (1 << 20)
pipes, refused, held = [], 0, 0
for _ in range(500):
    try:
        r, w = os.pipe()
    except OSError:
        refused += 1
        break
    pipes.append((r, w))
    try:
        fcntl.fcntl(w, F_SETPIPE_SZ, 1 << 20)
    except OSError:
        refused += 1
    os.set_blocking(w, False)
    try:
        while held < 128 << 20:
            held += os.write(w, BLOCK)
    except OSError:
        pass  # this pipe is full

if refused == 0:
    print(f"BROKEN: {len(pipes)} pipes of 1 MiB, no refusal")
elif held > 100 << 20:
    print(f"BROKEN: {held >> 20} MiB in pipe buffers")
else:
    print("held")
