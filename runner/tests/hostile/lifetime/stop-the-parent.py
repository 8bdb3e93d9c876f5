# attack: Stops its parent, the runner, by SIGSTOP and runs past the deadline.
# expect: TimedOut
# limits: timeoutSeconds=1

import os
import signal
import time

for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
    for pid in {os.getppid(), 1}:
        try:
            if pid > 0:
                os.kill(pid, number)
        except OSError:
            pass
time.sleep(8)
print("BROKEN: ran 8 s under a limit of 1 s")
