# attack: Floods stdout with bytes that are never valid UTF-8 (stray continuations, overlong forms, surrogates).
# expect: OutputLimitExceeded

import os

CHUNK = b"\xff\xfe\x80\xc0\xaf\xed\xa0\x80\xf8\x88\x80\x80\x80" * 5000

written = 0
while written < 64 << 20:  # the safety bound
    written += os.write(1, CHUNK)
os.write(1, b"BROKEN: wrote %d bytes under a limit of 64 KiB\n" % written)
