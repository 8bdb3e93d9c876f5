# attack: Makes a sparse file of 1 TiB by truncate, by fallocate and by writing at a far offset.
# expect: Completed

import os
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
TIB = 1 << 40
LIMIT = 16777216
broken = []
for folder in ("/work", "/tmp", "/dev/shm"):
    variants = {
        "ftruncate": lambda fd: os.ftruncate(fd, TIB),
        "fallocate": lambda fd: os.posix_fallocate(fd, 0, TIB),
        "pwrite": lambda fd: os.pwrite(fd, b"x", TIB - 1),
        "lseek and write": lambda fd: (os.lseek(fd, TIB - 1, os.SEEK_SET), os.write(fd, b"x")),
    }
    for name, attempt in variants.items():
        path = os.path.join(folder, "sparse")
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            broken.append(f"could not try {folder}: {error}")
            break
        try:
            attempt(fd)
        except OSError:
            pass
        size = os.fstat(fd).st_size
        if size > LIMIT:
            broken.append(f"{name} in {folder} made a file of {size} bytes")
        os.close(fd)
        os.unlink(path)
print("\n".join("BROKEN: " + b for b in broken) or "held")
