# attack: Hard-links files of the system into its own folder, to keep or change them there.
# expect: Completed

import os
import sys

targets = [
    os.path.realpath(sys.executable),
    os.path.realpath("/bin/sh"),
    "/etc/passwd",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/proc/self/exe",
    "/proc/1/exe",
    "/proc/self/mem",
    "/dev/null",
]
broken = []
for target in targets:
    for folder in ("/work", "/tmp", "/dev/shm"):
        for follow in (False, True):
            link = os.path.join(folder, "link")
            try:
                os.link(target, link, follow_symlinks=follow)
            except (OSError, NotImplementedError):
                continue
            if os.path.islink(link):
                os.unlink(link)  # linked the symbolic link itself
                continue
            broken.append(f"{target} linked into {folder}")
            os.unlink(link)
if not os.path.exists(targets[0]):
    broken.append("could not try: no interpreter to link")
print("\n".join("BROKEN: " + b for b in broken) or "held")
