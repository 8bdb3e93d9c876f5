# attack: Overwrites the program files of the interpreter and of the runner through /proc/*/exe (as in CVE-2019-5736).
# expect: Completed

import os
import sys

broken = []
paths = ["/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe", os.path.realpath(sys.executable), os.path.realpath("/bin/sh")]
for path in paths:
    for mode, name in ((os.O_WRONLY, "write"), (os.O_RDWR | os.O_APPEND, "append"), (os.O_WRONLY | os.O_TRUNC, "truncate")):
        try:
            os.close(os.open(path, mode))
            broken.append(f"{path} opened to {name}")
        except OSError:
            pass
    try:
        os.chmod(path, 0o777)
        broken.append(f"chmod of {path}")
    except OSError:
        pass
    # Opened to be read first, then re-opened to be written through the own descriptor.
    for flags in (os.O_RDONLY, os.O_PATH):
        try:
            fd = os.open(path, flags)
        except OSError:
            continue
        if path in ("/proc/1/exe",):
            broken.append("the runner's program file can be opened")
        for again in (f"/proc/self/fd/{fd}", f"/dev/fd/{fd}"):
            try:
                os.close(os.open(again, os.O_WRONLY))
                broken.append(f"{path} re-opened to write")
            except OSError:
                pass
        os.close(fd)
print("\n".join("BROKEN: " + b for b in broken) or "held")
