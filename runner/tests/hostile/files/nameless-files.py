# attack: Uses O_TMPFILE, O_PATH and linkat through /proc/self/fd to plant files outside and to re-open unreadable ones.
# expect: Completed

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = -100, 0x400, 0x1000
broken = []

# A nameless file of the own folder gets a name outside.
for source in ("/work", "/tmp", "/dev/shm"):
    try:
        fd = os.open(source, os.O_TMPFILE | os.O_RDWR, 0o4755)
    except OSError:
        continue
    os.write(fd, b"x")
    for target in ("/usr/bin/locus-canary", "/etc/locus-canary", "/locus-canary", "/proc/1/cwd/locus-canary", "/run/locus-canary"):
        by_proc = libc.linkat(AT_FDCWD, f"/proc/self/fd/{fd}".encode(), AT_FDCWD, target.encode(), AT_SYMLINK_FOLLOW)
        by_fd = libc.linkat(fd, b"", AT_FDCWD, target.encode(), AT_EMPTY_PATH)
        if by_proc == 0 or by_fd == 0:
            broken.append(f"nameless file of {source} linked as {target}")
    os.close(fd)

# A handle without rights is upgraded.
for path, flags in (("/etc/shadow", os.O_RDONLY), ("/etc/passwd", os.O_RDWR), ("/bin/sh", os.O_RDWR),
                    ("/proc/1/environ", os.O_RDONLY), ("/proc/1/mem", os.O_RDWR)):
    try:
        fd = os.open(path, os.O_PATH)
    except OSError:
        continue
    for again in (f"/proc/self/fd/{fd}", f"/proc/thread-self/fd/{fd}", f"/dev/fd/{fd}"):
        try:
            os.close(os.open(again, flags))
            broken.append(f"{path} re-opened by {again}")
        except OSError:
            pass
    if libc.linkat(fd, b"", AT_FDCWD, b"/work/stolen", AT_EMPTY_PATH) == 0:
        broken.append(f"{path} linked into /work")
    os.close(fd)
print("\n".join("BROKEN: " + b for b in broken) or "held")
