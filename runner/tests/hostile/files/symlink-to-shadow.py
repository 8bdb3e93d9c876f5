# attack: Reads /etc/shadow through symbolic links, relative climbs and the magic links of /proc.
# expect: Completed

import os

for name, target in (
    ("root", "/"),
    ("shadow", "/etc/shadow"),
    ("climb", "../../../../../../etc/shadow"),
    ("chain", "root/etc/shadow"),
    ("proc", "/proc/self/root/etc/shadow"),
    ("first", "/proc/1/root/etc/shadow"),
):
    os.symlink(target, "/work/" + name)

broken = []
for path in (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/sudoers",
    "/work/root/etc/shadow",
    "/work/shadow",
    "/work/climb",
    "/work/chain",
    "/work/proc",
    "/work/first",
    "/work/../etc/shadow",
    "/proc/self/cwd/../etc/shadow",
    "/proc/self/task/self/root/etc/shadow",
    "/proc/thread-self/root/etc/shadow",
    "/proc/1/cwd/etc/shadow",
    f"/proc/{os.getppid()}/root/etc/shadow",
):
    try:
        with open(path, "rb") as file:
            broken.append(f"{path} has {len(file.read())} bytes")
    except OSError:
        pass  # absent or refused: both are right
print("\n".join("BROKEN: " + b for b in broken) or "held")
