# attack: A daemon (double fork, setsid) keeps stdout open and writes to it 5 s after main has ended.
# expect: Completed
# stdout: "held\n"

import os
import signal
import sys
import time

r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        os.write(w, b"1")  # main may end now
        time.sleep(5)
        os.write(1, b"BROKEN: a daemon outlived the run\n")
    os._exit(0)
os.wait()
os.read(r, 1)
print("held")
sys.stdout.flush()
