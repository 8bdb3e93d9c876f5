# attack: Fills every folder, all inodes and much memory, so that the next case has no room.
# expect: Completed
# cases: ["1", "2", "3"]
# limits: fileBytes=134217728 timeoutSeconds=30 cpuSeconds=30

import os

broken = []
for folder in ("/work", "/tmp"):
    space = os.statvfs(folder)
    if space.f_bfree * space.f_frsize < 60 << 20 or space.f_ffree < 16000:
        broken.append(f"{folder} has no room: {space.f_bfree} blocks, {space.f_ffree} files")
block = bytearray(b"x") * (64 << 20)
del block
for folder in ("/work", "/tmp"):
    try:
        for number in range(3000):
            open(f"{folder}/{number}", "w").close()
        with open(folder + "/large", "wb", buffering=0) as large:
            while large.write(bytes(1 << 20)):
                pass
    except OSError:
        pass
print("\n".join("BROKEN: " + what for what in broken) or "held")
