# attack: Climbs out of its folder by "..", by descriptors of folders, by fchdir and by moved folders, and writes there.
# expect: Completed

import os

CANARY = "locus-canary"
broken = []


def written(path):
    """Whether the canary really is at `path`; removes it."""
    try:
        text = open(path).read()
        os.unlink(path)
        return text == "x"
    except OSError:
        return False


def put(path, dir_fd=None):
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666, dir_fd=dir_fd)
        os.write(fd, b"x")
        os.close(fd)
    except OSError:
        pass


for prefix in ("..", "../..", "../../..", "/work/..", "/work/../etc", "/work/../usr", "/tmp/..", "/dev/shm/..",
               "/dev/shm/../..", "/proc/self/cwd/..", "/proc/self/root", "/proc/self/root/etc", "/proc/1/cwd"):
    put(os.path.join(prefix, CANARY))
    if written(os.path.join(prefix, CANARY)):
        broken.append(f"file written by {prefix}")

for folder in ("/", "/etc", "/usr", "/proc"):
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        continue
    put(CANARY, dir_fd=fd)
    if written(os.path.join(folder, CANARY)):
        broken.append(f"file written by a descriptor of {folder}")
    os.close(fd)

# A folder that is moved while it is the current one: ".." then means another parent.
os.makedirs("/work/a/b/c", exist_ok=True)
os.chdir("/work/a/b/c")
os.rename("/work/a/b/c", "/work/c")
for climb in ("../..", "../../.."):
    put(os.path.join(climb, CANARY))
    if written("/" + CANARY) or written(os.path.join(climb, CANARY)):
        broken.append(f"file written by {climb} of a moved folder")

# A folder that is removed while it is the current one.
os.mkdir("/work/gone")
os.chdir("/work/gone")
os.rmdir("/work/gone")
put("../" + CANARY)
os.chdir("/work")
if written("/" + CANARY):
    broken.append("file written through a removed folder")
print("\n".join("BROKEN: " + b for b in broken) or "held")
