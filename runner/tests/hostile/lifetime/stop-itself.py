# attack: Stops itself by SIGSTOP, so that it neither runs nor ends.
# expect: TimedOut
# limits: timeoutSeconds=1

import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
print("BROKEN: somebody continued a stopped program")
