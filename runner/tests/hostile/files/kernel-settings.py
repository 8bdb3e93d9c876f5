# attack: Opens the kernel's settings below /proc/sys to write, first of all those that make the kernel run a program as root.
# expect: Completed

import os

broken = []
SETTINGS = ["kernel/core_pattern", "kernel/modprobe", "kernel/poweroff_cmd", "kernel/hotplug", "kernel/usermodehelper/bset",
            "kernel/hostname", "kernel/domainname", "kernel/panic", "kernel/sysrq", "kernel/ns_last_pid", "kernel/pid_max",
            "kernel/yama/ptrace_scope", "kernel/kptr_restrict", "kernel/dmesg_restrict", "kernel/perf_event_paranoid",
            "kernel/unprivileged_bpf_disabled", "kernel/unprivileged_userns_clone", "kernel/shmmax", "kernel/msgmnb", "kernel/sem",
            "vm/overcommit_memory", "vm/drop_caches", "vm/panic_on_oom", "vm/mmap_min_addr", "vm/unprivileged_userfaultfd",
            "fs/protected_symlinks", "fs/protected_hardlinks", "fs/suid_dumpable", "fs/file-max", "fs/pipe-max-size", "fs/mqueue/msg_max",
            "fs/binfmt_misc/register", "net/ipv4/ip_forward", "net/ipv4/ping_group_range", "net/core/somaxconn", "user/max_user_namespaces"]
paths = ["/proc/sys/" + s for s in SETTINGS]
# And every other setting there is.
for folder, _, names in os.walk("/proc/sys"):
    paths += [os.path.join(folder, name) for name in names]
for path in sorted(set(paths)):
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError:
        continue
    os.close(fd)  # nothing is written: this kernel may be that of a developer's machine
    broken.append(f"{path} opened to write")
print("\n".join("BROKEN: " + b for b in broken) or "held")
