# attack: Re-opens its stdout by /proc/self/fd and /dev/stdout, reads what it wrote back and truncates it.
# expect: Completed

import os

broken = []
for path in ("/proc/self/fd/1", "/proc/self/fd/2", "/dev/stdout", "/dev/fd/1"):
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        try:
            fd = os.open(path, flags | os.O_NONBLOCK)
        except OSError:
            continue
        # A regular file would let a program rewrite what it said before.
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            broken.append(f"{path} can be rewound")
        except OSError:
            pass
        os.close(fd)
try:
    fd = os.open("/proc/self/fd/1", os.O_WRONLY)
except OSError:
    fd = 1
os.write(fd, ("\n".join("BROKEN: " + b for b in broken) or "held").encode() + b"\n")
