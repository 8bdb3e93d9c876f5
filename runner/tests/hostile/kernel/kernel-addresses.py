# attack: Looks for addresses of the kernel, which defeat its randomisation: symbols, modules, sections, stacks, notes.
# expect: Completed

import glob
import re

broken = []
for path in ("/proc/kallsyms", "/proc/modules"):
    try:
        with open(path) as file:
            for number, line in enumerate(file):
                address = line.split()[0] if path == "/proc/kallsyms" else line.split()[5]
                if int(address, 16) != 0:
                    broken.append(f"{path}: {line.strip()}")
                    break
                if number > 5000:
                    break
    except (OSError, IndexError, ValueError):
        pass
KERNEL = re.compile(rb"\bffff[89a-f][0-9a-f]{11}\b")
paths = ["/proc/kcore", "/proc/self/stack", "/proc/1/stack", "/proc/self/wchan", "/proc/timer_list", "/proc/sched_debug", "/proc/net/unix", "/proc/net/netlink",
         "/proc/net/packet", "/proc/net/ptype", "/proc/vmallocinfo", "/proc/iomem", "/sys/kernel/vmcoreinfo", "/sys/kernel/debug/sched/debug"]
paths += glob.glob("/sys/module/*/sections/.text")[:20] + glob.glob("/boot/System.map*")
for path in paths:
    try:
        with open(path, "rb") as file:
            found = KERNEL.search(file.read(1 << 20))
    except OSError:
        continue
    if found:
        broken.append(f"{path} has {found.group().decode()}")
try:
    for line in open("/proc/iomem"):
        if "Kernel code" in line and not line.strip().startswith("00000000-00000000"):
            broken.append(f"/proc/iomem: {line.strip()}")
except OSError:
    pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
