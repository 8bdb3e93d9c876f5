# attack: Floods stdout with terminal control sequences (title, clipboard, cursor, alternate screen).
# expect: OutputLimitExceeded

import os

CHUNK = b"\x1b]0;title\x07\x1b]52;c;aGVsZA==\x07\x1b[2J\x1b[?1049h\x1b[999D\x1bc" * 1500

written = 0
while written < 64 << 20:  # the safety bound
    written += os.write(1, CHUNK)
os.write(1, b"BROKEN: wrote %d bytes under a limit of 64 KiB\n" % written)
