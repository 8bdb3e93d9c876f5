# attack: Writes the user and group maps and the other identity files of its own process.
# expect: Completed

import os

broken = []
uid, gid = os.getuid(), os.getgid()
for name, text in (("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1"), ("uid_map", "0 0 4294967295"), ("setgroups", "allow"),
                   ("projid_map", "0 0 1"), ("oom_score_adj", "-1000"), ("attr/current", "unconfined"), ("attr/exec", "exec unconfined"),
                   ("timens_offsets", "monotonic 1000 0")):
    path = f"/proc/self/{name}"
    try:
        before = open(path).read()
    except OSError:
        before = None
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        continue
    try:
        after = open(path).read()
    except OSError:
        after = None
    if after != before or name.startswith("attr"):
        broken.append(f"{path} took {text!r}")
if os.getuid() == 0 or os.geteuid() == 0:
    broken.append("is root now")
print("\n".join("BROKEN: " + b for b in broken) or "held")
