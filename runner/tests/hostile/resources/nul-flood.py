# attack: Floods stdout with NUL bytes.
# expect: OutputLimitExceeded

import os

CHUNK = bytes(65536)

written = 0
while written < 64 << 20:  # the safety bound
    written += os.write(1, CHUNK)
os.write(1, b"BROKEN: wrote %d bytes under a limit of 64 KiB\n" % written)
