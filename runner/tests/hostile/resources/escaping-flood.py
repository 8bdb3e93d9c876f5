# attack: Floods stdout with characters that grow six-fold when they are written as JSON.
# expect: OutputLimitExceeded

import os

CHUNK = b"\x01\x02\"\\\x1f\x7f\xe2\x80\xa8" * 7000

written = 0
while written < 64 << 20:  # the safety bound
    written += os.write(1, CHUNK)
os.write(1, b"BROKEN: wrote %d bytes under a limit of 64 KiB\n" % written)
