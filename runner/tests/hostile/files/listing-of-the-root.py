# attack: Takes stock of the root folder, to find anything that does not belong to a minimal system.
# expect: Completed
# places: embedded

import os
import sys

# An interpreter may stand in somebody's home: then the folders on the way to it are there, and nothing else in them.
EXPECTED = {"bin", "dev", "sys", sys.prefix.split("/")[1], "etc", "lib", "lib32", "lib64", "libx32", "locus", "mnt", "opt", "proc", "sbin", "tmp", "usr", "work"}


def listed(folder):
    """What is in a folder; nothing when it may not be listed, which is fine too."""
    try:
        return os.listdir(folder)
    except PermissionError:
        return []


strange = sorted(set(listed("/")) - EXPECTED)
broken = [f"/{name} is there" for name in strange]
# Whatever may not be listed can still be looked for.
# The home of an interpreter may be among them, but nothing else of that home.
for name in ("var", "run", "srv", "media", "boot", "data", "host", "oldroot", ".dockerenv", "root/.bashrc", "root/.ssh", "root/.cargo", "root/.config"):
    if os.path.lexists("/" + name):
        broken.append(f"/{name} is there")
if not set(listed("/mnt")) <= {"data"} or os.path.realpath("/mnt/data") != "/work":
    broken.append("/mnt holds more than another name of the work folder")
for name in listed("/etc"):
    if "shadow" in name or "sudoers" in name or "ssh" in name or "key" in name.lower():
        broken.append(f"/etc/{name} is there")
print("\n".join("BROKEN: " + b for b in broken) or "held")
