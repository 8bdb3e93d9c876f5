# attack: Leaves its control group or changes its limits: procs, threads, release_agent, memory.max, a group of its own.
# expect: Completed

import glob
import os

broken = []
roots = {"/sys/fs/cgroup", "/cgroup", "/dev/cgroup"}
try:
    for line in open("/proc/self/mounts"):
        device, place, kind = line.split()[:3]
        if kind in ("cgroup", "cgroup2"):
            roots.add(place)
except OSError:
    pass
for root in sorted(roots):
    for folder in [root, *glob.glob(root + "/*/"), *glob.glob(root + "/*/*/")]:
        for name in ("cgroup.procs", "cgroup.threads", "tasks", "release_agent", "notify_on_release", "cgroup.subtree_control", "cgroup.kill",
                     "cgroup.freeze", "memory.max", "memory.high", "memory.limit_in_bytes", "pids.max", "cpu.max", "devices.allow"):
            try:
                fd = os.open(os.path.join(folder, name), os.O_WRONLY)
            except OSError:
                continue
            os.close(fd)
            broken.append(f"{folder}/{name} opened to write")
        path = os.path.join(folder, "locus-canary")
        try:
            os.mkdir(path)
        except OSError:
            continue
        os.rmdir(path)
        broken.append(f"group made in {folder}")
print("\n".join("BROKEN: " + b for b in broken[:20]) or "held")
