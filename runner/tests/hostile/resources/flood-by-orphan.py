# attack: A daemon in its own session floods stdout while main sleeps.
# expect: OutputLimitExceeded

import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(1024):
            os.write(1, b"z" * 65536)
    os._exit(0)
os.wait()
time.sleep(8)
print("BROKEN: the flood of a daemon did not end the run")
