# attack: Gives files capabilities and other privileged extended attributes.
# expect: Completed

import os
import shutil
import struct

# VFS_CAP_REVISION_2 with the effective bit and every capability permitted; revision 3 with a root id of 0.
V2 = struct.pack("<5I", 0x02000001, 0xFFFFFFFF, 0, 0x1FF, 0)
V3 = struct.pack("<6I", 0x03000001, 0xFFFFFFFF, 0, 0x1FF, 0, 0)
broken = []
for folder in ("/work", "/tmp", "/dev/shm"):
    path = os.path.join(folder, "copy")
    shutil.copyfile("/bin/cat", path)
    os.chmod(path, 0o755)
    for name, value in (("security.capability", V2), ("security.capability", V3), ("security.selinux", b"system_u:object_r:bin_t:s0\0"),
                        ("security.ima", b"\x01" + bytes(20)), ("security.evm", b"\x02" + bytes(20)), ("trusted.overlay.opaque", b"y"),
                        ("trusted.locus", b"y")):
        try:
            os.setxattr(path, name, value)
        except OSError:
            continue
        if name in os.listxattr(path):
            broken.append(f"{name} set on a file in {folder}")
    os.unlink(path)
for path in ("/bin/sh", "/bin/cat", "/etc/passwd", "/usr"):
    for name in ("user.locus", "security.capability"):
        try:
            os.setxattr(path, name, V2)
            broken.append(f"{name} set on {path}")
            os.removexattr(path, name)
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
