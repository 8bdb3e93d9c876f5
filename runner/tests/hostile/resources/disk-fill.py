# attack: Fills every writable folder with files until it is full.
# expect: Completed

import errno
import os

BLOCK = b"\x5a" * (1 << 20)


def fill(folder):
    """Returns (bytes written, errno of the refusal or None), and removes its files."""
    total, names = 0, []
    try:
        for n in range(25):  # 25 files of 8 MiB = 200 MiB, the bound
            name = os.path.join(folder, f"fill-{n}")
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            names.append(name)
            try:
                for _ in range(8):
                    total += os.write(fd, BLOCK)
            finally:
                os.close(fd)
        return total, None
    except OSError as error:
        return total, error.errno
    finally:
        for name in names:
            os.unlink(name)


broken = []
for folder in ("/work", "/tmp", "/dev/shm"):
    total, refusal = fill(folder)
    if refusal is None:
        broken.append(f"{folder} took {total >> 20} MiB")
    elif refusal not in (errno.ENOSPC, errno.EDQUOT):
        broken.append(f"could not try {folder}: errno {refusal} after {total} bytes")
print("\n".join("BROKEN: " + b for b in broken) or "held")
