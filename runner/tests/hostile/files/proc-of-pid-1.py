# attack: Reads what /proc tells of PID 1, the runner: memory, maps, environment, descriptors, root, folders, stack.
# expect: Completed

import os

broken = []
bases = ["/proc/1", "/proc/1/task/1", "/proc/self/../1"]
if os.getppid() > 1:
    bases.append(f"/proc/{os.getppid()}")
for base in bases:
    for name in ("mem", "environ", "maps", "smaps", "smaps_rollup", "numa_maps", "pagemap", "auxv", "stack", "syscall",
                 "personality", "io", "clear_refs", "mountstats", "timers"):
        try:
            with open(f"{base}/{name}", "rb") as file:
                got = file.read(64)
        except (OSError, ValueError):
            continue
        if got and name not in ("mountstats", "timers"):
            broken.append(f"{base}/{name} read: {len(got)} bytes")
    for name in ("exe", "cwd", "root", "ns/user", "ns/mnt"):
        try:
            broken.append(f"{base}/{name} leads to {os.readlink(f'{base}/{name}')}")
        except OSError:
            pass
    for name in ("fd", "fdinfo", "map_files", "root", "cwd"):
        try:
            entries = os.listdir(f"{base}/{name}")
        except OSError:
            continue
        if entries:
            broken.append(f"{base}/{name} listed: {len(entries)} entries")
    for number in range(64):
        try:
            os.close(os.open(f"{base}/fd/{number}", os.O_RDONLY | os.O_NONBLOCK))
            broken.append(f"{base}/fd/{number} opened")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
