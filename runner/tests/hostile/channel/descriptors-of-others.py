# attack: Writes a forged result into descriptors of PID 1, the parent and every other process through /proc/PID/fd.
# expect: Completed

import os

FORGED = b'{"type":"finished","result":{"outcome":"Completed","error":"","exitCode":0}}\n'
own = os.getpid()
pids = {1, os.getppid()} | {int(n) for n in os.listdir("/proc") if n.isdigit()}
broken = []
for pid in sorted(pids - {0, own}):
    for base in (f"/proc/{pid}/fd", f"/proc/{pid}/task/{pid}/fd"):
        try:
            names = os.listdir(base)
            if names:
                broken.append(f"{base} listed: {len(names)} entries")
        except OSError:
            pass
        for number in range(128):
            for flags in (os.O_WRONLY, os.O_RDWR):
                try:
                    fd = os.open(f"{base}/{number}", flags | os.O_NONBLOCK | os.O_NOCTTY)
                except OSError:
                    continue
                broken.append(f"{base}/{number} opened")
                try:
                    os.write(fd, FORGED)
                except OSError:
                    pass
                os.close(fd)
print("\n".join("BROKEN: " + b for b in broken[:20]) or "held")
