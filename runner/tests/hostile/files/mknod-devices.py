# attack: Makes its own device nodes for memory, disks and the kernel log and opens them.
# expect: Completed

import os
import stat

DEVICES = {
    "mem": (stat.S_IFCHR, 1, 1),
    "kmem": (stat.S_IFCHR, 1, 2),
    "null": (stat.S_IFCHR, 1, 3),
    "port": (stat.S_IFCHR, 1, 4),
    "kmsg": (stat.S_IFCHR, 1, 11),
    "console": (stat.S_IFCHR, 5, 1),
    "fuse": (stat.S_IFCHR, 10, 229),
    "kvm": (stat.S_IFCHR, 10, 232),
    "loop0": (stat.S_IFBLK, 7, 0),
    "sda": (stat.S_IFBLK, 8, 0),
    "vda": (stat.S_IFBLK, 252, 0),
    "nvme0n1": (stat.S_IFBLK, 259, 0),
}
broken = []
for folder in ("/work", "/tmp", "/dev/shm", "/dev"):
    for name, (kind, major, minor) in DEVICES.items():
        path = os.path.join(folder, "own-" + name)
        try:
            os.mknod(path, kind | 0o666, os.makedev(major, minor))
        except OSError:
            continue
        note = f"node for {name} made in {folder}"
        try:
            os.close(os.open(path, os.O_RDWR))
            note += " and opened"
        except OSError:
            pass
        broken.append(note)
        os.unlink(path)
print("\n".join("BROKEN: " + b for b in broken) or "held")
