# attack: Floods stdout and stderr at once, from two processes.
# expect: OutputLimitExceeded

import os

CHUNK = b"y" * 65536
fd = 2 if os.fork() == 0 else 1
written = 0
while written < 64 << 20:
    written += os.write(fd, CHUNK)
os.write(fd, b"BROKEN: wrote %d bytes under a limit of 64 KiB\n" % written)
os._exit(0)
