# attack: Forks survivors in sessions of their own that hold the input, the pipes and the folders, to read and to change what the next case does.
# expect: Completed
# cases: ["one", "two", "three"]
# limits: timeoutSeconds=20

import os
import signal
import sys
import time

mine = sys.stdin.read()
broken = []
others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (1, os.getpid())]
if others:
    broken.append(f"processes are there: {others}")
if os.listdir("/tmp"):
    broken.append("somebody has written to /tmp")
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True:
                try:
                    os.write(1, b"BROKEN: the survivor writes\n") if os.getppid() == 0 else None
                    open("/tmp/" + mine, "w").write(mine)
                    open("/work/main.py", "w").write("print('BROKEN: the survivor wrote this')")
                except OSError:
                    pass
                time.sleep(0.001)
        os._exit(0)
time.sleep(0.2)
print("\n".join("BROKEN: " + what for what in broken) or "held", flush=True)
os._exit(0)
