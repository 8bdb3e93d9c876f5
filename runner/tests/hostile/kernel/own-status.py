# attack: Looks in /proc/self/status for any right that was forgotten: capabilities, user and group 0, no filter, no mark.
# expect: Completed

import os

fields = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
broken = []
for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
    if int(fields[name], 16) != 0:
        broken.append(f"{name} is {fields[name]}")
if fields["NoNewPrivs"].strip() != "1":
    broken.append(f"NoNewPrivs is {fields['NoNewPrivs']}")
if fields["Seccomp"].strip() != "2":
    broken.append(f"Seccomp is {fields['Seccomp']}")
if "0" in fields["Uid"].split():
    broken.append(f"Uid is {fields['Uid']}")
if os.getuid() != os.geteuid() or os.getgid() != os.getegid():
    broken.append("real and effective ids differ")
if fields.get("TracerPid", "0").strip() != "0":
    broken.append("is traced")
try:
    levels = len(fields["NSpid"].split())
    if os.getpid() == 1 or levels < 1:
        broken.append("is PID 1 itself")
except KeyError:
    pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
