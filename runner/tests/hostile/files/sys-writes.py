# attack: Looks for any file below /sys that can be opened to write, control groups and power included.
# expect: Completed

import os

broken = []
paths = ["/sys/power/state", "/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/ksm/run",
         "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/cgroup.subtree_control",
         "/sys/kernel/debug/tracing/trace_marker", "/sys/kernel/tracing/trace_marker", "/sys/firmware/efi/efivars/x", "/sys/module/kernel/parameters/panic"]
for top in ("/sys/fs", "/sys/kernel", "/sys/power", "/sys/firmware", "/sys/devices/system/cpu", "/sys/module/kernel"):
    for folder, _, names in os.walk(top):
        paths += [os.path.join(folder, name) for name in names]
        if len(paths) > 20000:
            break
for path in paths:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        continue
    os.close(fd)  # nothing is written
    broken.append(f"{path} opened to write")
for folder in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/kernel/config"):
    try:
        os.mkdir(folder + "/locus-canary")
        broken.append(f"folder made in {folder}")
        os.rmdir(folder + "/locus-canary")
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken[:50]) or "held")
