# attack: Looks for the input and the expected output of the other cases: in the runner, in its descriptors, in memory and in files.
# expect: Completed
# cases: ["word-of-the-first-case", "word-of-the-second-case"]

import glob
import os
import sys

mine = sys.stdin.read()
words = [b"word-of-" + b"the-first-case", b"word-of-" + b"the-second-case"]
other = next(word for word in words if word != mine.encode())
broken = []
for number in range(3, 256):
    try:
        os.fstat(number)
        broken.append(f"descriptor {number} is open")
    except OSError:
        pass
places = ["/proc/1/environ", "/proc/1/cmdline", "/proc/1/mem", "/proc/1/maps", "/proc/self/environ"]
places += glob.glob("/proc/1/fd/*") + glob.glob("/proc/1/task/*/*") + glob.glob("/proc/1/cwd/*") + glob.glob("/proc/1/root/*")
for folder in ("/work", "/tmp", "/dev/shm"):
    for root, _, names in os.walk(folder):
        places += [os.path.join(root, name) for name in names]
for place in places:
    try:
        file = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
        if other in os.read(file, 1 << 20) and place != "/work/main.py":
            broken.append(place)
        os.close(file)
    except OSError:
        pass
print("\n".join("BROKEN: " + what for what in broken) or "held")
