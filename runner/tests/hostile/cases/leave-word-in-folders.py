# attack: Leaves its input in every folder that it may write to, under odd names, modes, times and links, for the next case to find.
# expect: Completed
# cases: ["secret-one", "secret-two", "secret-three", "secret-four"]

import os
import stat
import sys

mine = sys.stdin.read()
broken = []
for folder, wanted in (("/work", ["main.py"]), ("/tmp", []), ("/dev/shm", [])):
    found = sorted(os.listdir(folder))
    if found != wanted:
        broken.append(f"{folder} holds {found}")
    state = os.stat(folder)
    if state.st_mtime_ns == 77 or stat.S_IMODE(state.st_mode) == 0o511:
        broken.append(f"{folder} has the mode or the times of another case")
    if state.st_nlink > 2:
        broken.append(f"{folder} has {state.st_nlink} links")


def of_folder(change, *how, **more):
    try:
        change(*how, **more)
    except PermissionError:
        # In a pod it is another user's.
        pass


for folder in ("/work", "/tmp", "/dev/shm"):
    os.chdir(folder)
    os.mkdir(".removed-0")
    os.mkdir(".removed-1")
    open(".removed-2", "w").write(mine)
    deep = os.open(".", os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
        open(mine, "w").write(mine)
    os.fchdir(deep)
    os.makedirs("closed/inner")
    open("closed/inner/" + mine, "w").write(mine)
    os.chmod("closed/inner", 0)
    os.chmod("closed", 0)
    open(b"\xff\xfe\n", "w").write(mine)
    os.symlink(mine, "word")
    os.symlink("/dev/shm", "way")
    os.mkfifo("pipe")
    of_folder(os.chmod, folder, 0o511)
    of_folder(os.utime, folder, ns=(77, 77))
of_folder(os.chmod, "/work", 0o700)
os.unlink("/work/main.py")
open("/work/main.py", "w").write("print('BROKEN: the program was changed')")
of_folder(os.chmod, "/work", 0o511)
print("\n".join("BROKEN: " + what for what in broken) or "held")
