# attack: Sends PID 1, the runner, every signal there is, from main and from a child in another session.
# expect: Completed

import os
import time


def bombard():
    for number in range(1, 65):
        try:
            os.kill(1, number)
        except OSError:
            pass


def state():
    """The state letter of PID 1; None when it is hidden."""
    try:
        return open("/proc/1/stat").read().rpartition(")")[2].split()[0]
    except OSError:
        return None


if os.getpid() == 1 or os.getuid() == 0:
    print("BROKEN: could not try: PID 1 is the program itself, or it is root")
    raise SystemExit(0)

bombard()
if os.fork() == 0:
    os.setsid()
    bombard()
    os._exit(0)
os.wait()
time.sleep(0.3)
after = state()
print(f"BROKEN: PID 1 is in state {after}" if after in ("T", "t", "Z", "X") else "held")
