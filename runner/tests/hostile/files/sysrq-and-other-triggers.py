# attack: Opens the trigger files of /proc that act on the whole machine.
# expect: Completed

import os

broken = []
for path in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/proc/mtrr", "/proc/scsi/scsi", "/proc/acpi/wakeup", "/proc/irq/0/smp_affinity",
             "/proc/irq/default_smp_affinity", "/proc/driver/nvram", "/proc/bus/pci/00/00.0", "/proc/dynamic_debug/control", "/proc/vmcore",
             "/proc/self/timerslack_ns/x", "/proc/fs/nfsd/threads", "/proc/latency_stats", "/proc/profile", "/proc/timer_stats", "/proc/sched_debug"):
    for flags, what in ((os.O_WRONLY, "write"), (os.O_RDWR, "read and write")):
        try:
            os.close(os.open(path, flags))  # nothing is written to it
            broken.append(f"{path} opened to {what}")
        except OSError:
            pass
for path in ("/proc/kcore", "/proc/kmsg", "/proc/vmcore", "/proc/kpagecount", "/proc/kpageflags", "/proc/slabinfo", "/proc/vmallocinfo", "/proc/timer_list"):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if os.read(fd, 16):
            broken.append(f"{path} read")
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
