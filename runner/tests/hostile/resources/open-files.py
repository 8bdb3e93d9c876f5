# attack: Opens files past the limit of 1024, also by dup2 to a high number and by fcntl.
# expect: Completed

import errno
import fcntl
import os

broken = []
opened = []
refusal = None
for _ in range(5000):
    try:
        opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        refusal = error.errno
        break
if refusal != errno.EMFILE:
    broken.append(f"{len(opened)} files opened, refusal {refusal}")
elif max(opened) > 1023:
    broken.append(f"descriptor {max(opened)} under a limit of 1024")
for fd in opened:
    os.close(fd)

for name, attempt in (
    ("dup2 to 1024", lambda: os.dup2(0, 1024)),
    ("dup2 to 65535", lambda: os.dup2(0, 65535)),
    ("F_DUPFD from 1024", lambda: fcntl.fcntl(0, fcntl.F_DUPFD, 1024)),
):
    try:
        attempt()
        broken.append(name)
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
