import os
print(open("/proc/self/cmdline", "rb").read(), open("/proc/self/comm").read(), os.getpid(), os.getppid(), os.getpgid(0), os.getsid(0))
keep = ("Name", "Umask", "State", "Tgid", "Pid", "PPid", "TracerPid", "Uid", "Gid", "FDSize", "Groups", "Threads", "Sig", "Shd", "Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed")
print([line for line in open("/proc/self/status") if line.startswith(keep)])
print(open("/proc/self/limits").read(), open("/proc/self/oom_score_adj").read(), os.readlink("/proc/self/exe"), os.readlink("/proc/self/cwd"))
