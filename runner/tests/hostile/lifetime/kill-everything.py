# attack: A child in a session of its own kills every process it can reach with kill(-1, SIGKILL), the main process among them.
# expect: Signaled
# signal: SIGKILL

import os
import signal
import time

# Not outside a pid namespace of its own: that would take down the machine that runs the tests.
processes = sum(name.isdigit() for name in os.listdir("/proc"))
if os.getuid() == 0 or processes > 40:
    print(f"BROKEN: could not try: uid {os.getuid()}, {processes} processes in sight")
    raise SystemExit(0)

if os.fork() == 0:
    os.setsid()
    os.kill(-1, signal.SIGKILL)
    # kill(-1) spares its caller: try to forge an end of the run.
    os.write(1, b"held\n")
    os._exit(0)
time.sleep(5)
print("BROKEN: kill(-1) did not reach the main process of the same user")
