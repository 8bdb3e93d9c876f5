# attack: Forges the termination message of the pod, a file that Kubernetes makes writable for everybody, and other files a supervisor reads.
# expect: Completed

import os

broken = []
for path in ("/dev/termination-log", "/termination-log", "/run/exit", "/run/result.json", "/result.json", "/dev/log", "/dev/initctl",
             "/run/initctl", "/var/run/runner.pid", "/proc/1/fd/1", "/proc/1/fd/2", "/dev/console", "/dev/pts/0"):
    for flags in (os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY):
        try:
            fd = os.open(path, flags, 0o644)
        except OSError:
            continue
        broken.append(f"{path} opened to write")
        os.close(fd)
print("\n".join("BROKEN: " + b for b in broken) or "held")
