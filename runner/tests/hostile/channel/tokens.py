# attack: Looks for tokens and passwords in its own environment and in the environments and command lines of others.
# expect: Completed

import os
import re

SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE|LOCUS|KUBERNETES|^AWS_|^DOCKER_|^GITHUB_|^SSH_", re.IGNORECASE)
ARGUMENT = re.compile(rb"token|secret|passw|credential|bearer|api-?key", re.IGNORECASE)
broken = [f"environment has {name}" for name in os.environ if SECRET.search(name)]

pids = {"1", str(os.getppid()), "self"} | {n for n in os.listdir("/proc") if n.isdigit()}
pids.discard(str(os.getpid()))
for pid in sorted(pids):
    for path in (f"/proc/{pid}/environ", f"/proc/{pid}/task/{pid}/environ"):
        try:
            data = open(path, "rb").read()
        except OSError:
            continue
        if pid != "self" and data:
            broken.append(f"{path} read: {len(data)} bytes")
        for entry in data.split(b"\0"):
            if SECRET.search(entry.split(b"=")[0].decode(errors="replace")):
                broken.append(f"{path} has {entry.split(b'=')[0]!r}")
    try:
        line = open(f"/proc/{pid}/cmdline", "rb").read()
    except OSError:
        continue
    if ARGUMENT.search(line):
        broken.append(f"command line of {pid} names a secret")
print("\n".join("BROKEN: " + b for b in broken) or "held")
