# attack: Opens /proc/PID/mem of every process that is not its own, to read and to write.
# expect: Completed

import os

broken = []
seen = 0
for name in os.listdir("/proc"):
    if not name.isdigit() or int(name) == os.getpid():
        continue
    seen += 1
    for flags, what in ((os.O_RDONLY, "read"), (os.O_WRONLY, "write"), (os.O_RDWR, "both")):
        for path in (f"/proc/{name}/mem", f"/proc/{name}/task/{name}/mem"):
            try:
                os.close(os.open(path, flags))
                broken.append(f"{path} opened to {what}")
            except OSError:
                pass
for path in ("/proc/1/mem",):  # also when the list hides it
    try:
        os.close(os.open(path, os.O_RDWR))
        broken.append(f"{path} opened")
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
