# attack: Closes stdin, stdout and stderr, so the readers see the end, and runs on.
# expect: TimedOut
# limits: timeoutSeconds=1

import os
import time

for fd in (0, 1, 2):
    os.close(fd)
time.sleep(15)
os._exit(0)  # Completed means that the end of the outputs was taken for the end of the run
