# attack: Prints what an out-of-memory death looks like and kills itself by SIGKILL.
# expect: Signaled
# signal: SIGKILL

import os
import signal

for fd in (1, 2):
    os.write(fd, b"Out of memory: Killed process 2 (python3) total-vm:131072kB, anon-rss:131072kB\nMemoryError\nOOMKilled\n")
os.kill(os.getpid(), signal.SIGKILL)
