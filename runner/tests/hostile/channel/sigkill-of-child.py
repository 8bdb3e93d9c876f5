# attack: A child dies by SIGKILL after using some memory, and another by SIGXCPU: main ends well and only that counts.
# expect: Completed

import os
import signal

for number in (signal.SIGKILL, signal.SIGXCPU, signal.SIGSYS):
    pid = os.fork()
    if pid == 0:
        hoard = b"\x5a" * (16 << 20)
        os.kill(os.getpid(), number if hoard else 0)
        signal.pause()
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        print("BROKEN: could not try: a child did not die by a signal")
print("held")
