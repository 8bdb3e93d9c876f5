# attack: Opens devices of memory, disks, kernel log, input, graphics, virtual machines, loops, tunnels and file systems in user space.
# expect: Completed

import os
import stat

broken = []
NAMES = ["mem", "kmem", "port", "kmsg", "sda", "sda1", "sdb", "vda", "vda1", "xvda", "nvme0", "nvme0n1", "nvme0n1p1", "dm-0", "md0", "loop0",
         "loop-control", "fuse", "cuse", "kvm", "vhost-net", "vhost-vsock", "vsock", "net/tun", "uinput", "uhid", "input/event0", "input/mice",
         "dri/card0", "dri/renderD128", "fb0", "tty0", "tty1", "ttyS0", "console", "vcs", "vcsa", "mapper/control", "btrfs-control", "snapshot",
         "userfaultfd", "hpet", "rtc0", "sg0", "nvram", "watchdog", "cpu/0/msr", "cpu_dma_latency", "autofs", "ppp", "snd/seq", "mei0", "tpm0",
         "binder", "ashmem", "nvidiactl", "nvidia0", "kfd", "udmabuf", "dma_heap/system", "zram0", "ram0", "nbd0", "initctl", "log"]
for name in NAMES:
    for flags, what in ((os.O_RDONLY, "read"), (os.O_WRONLY, "write"), (os.O_RDWR, "read and write")):
        try:
            os.close(os.open("/dev/" + name, flags | os.O_NONBLOCK | os.O_NOCTTY))
            broken.append(f"/dev/{name} opened to {what}")
        except OSError:
            pass
# And whatever else is there: only the harmless ones may be opened.
HARMLESS = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "stdin", "stdout", "stderr"}
for folder, folders, names in os.walk("/dev"):
    folders[:] = [f for f in folders if f not in ("shm", "pts", "fd", "mqueue")]
    for name in names:
        path = os.path.join(folder, name)
        try:
            mode = os.lstat(path).st_mode
            if not (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) or name in HARMLESS:
                continue
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
            broken.append(f"{path} opened")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in sorted(set(broken))) or "held")
