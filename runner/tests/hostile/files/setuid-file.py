# attack: Makes setuid files of its own and runs the system's setuid programs to become another user.
# expect: Completed

import os
import shutil
import stat
import subprocess

broken = []
uid, gid = os.getuid(), os.getgid()


def ids(path, argv):
    """The four user ids of a child after its exec, from /proc (a zombie keeps them)."""
    child = subprocess.Popen(argv, executable=path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        text = open(f"/proc/{child.pid}/status").read()
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [int(n) for n in fields["Uid"].split()], [int(n) for n in fields["Gid"].split()], fields["NoNewPrivs"].strip()


for owner, group in ((0, -1), (-1, 0), (0, 0)):
    for folder in ("/work", "/tmp", "/dev/shm"):
        copy = os.path.join(folder, "copy")
        shutil.copyfile("/bin/cat", copy)
        try:
            os.chown(copy, owner, group)
            if group != gid or owner == 0:
                broken.append(f"chown of a file in {folder} to {owner}:{group}")
        except OSError:
            pass
        for mode in (0o4755, 0o2755, 0o6777):
            try:
                os.chmod(copy, mode)
                u, g, _ = ids(copy, ["cat"])
            except OSError:
                continue  # neither setting the bit nor running the file has to be possible
            if set(u) != {uid} or set(g) != {gid}:
                broken.append(f"a file of mode {mode:o} in {folder} ran as {u} {g}")
        os.unlink(copy)

for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib/openssh", "/usr/lib/dbus-1.0"):
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        continue
    for name in names:
        path = os.path.join(folder, name)
        try:
            st = os.stat(path)
            if not stat.S_ISREG(st.st_mode) or not st.st_mode & (stat.S_ISUID | stat.S_ISGID):
                continue
            u, g, locked = ids(path, [name])
        except OSError:
            continue
        if set(u) != {uid} or set(g) != {gid} or locked != "1":
            broken.append(f"{path} ran as {u} {g}, NoNewPrivs {locked}")
print("\n".join("BROKEN: " + b for b in broken) or "held")
