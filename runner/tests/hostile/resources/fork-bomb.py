# attack: Forks children that stay alive until the kernel refuses, to exhaust the process table.
# expect: Completed

import errno
import os
import signal

children = []
refused = None
for _ in range(4096):
    try:
        pid = os.fork()
    except OSError as error:
        refused = error.errno
        break
    if pid == 0:
        signal.pause()
        os._exit(0)
    children.append(pid)

if refused is None:
    print(f"BROKEN: {len(children)} living children and no refusal")
elif refused != errno.EAGAIN:
    print(f"BROKEN: could not try: fork failed with errno {refused}")
elif len(children) >= 64:
    print(f"BROKEN: {len(children)} living children under a limit of 32 processes")
else:
    print("held")
