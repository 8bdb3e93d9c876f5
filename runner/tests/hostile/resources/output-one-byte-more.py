# attack: Writes one byte more than is allowed, in a write of its own.
# expect: OutputLimitExceeded
# stdout: "0123456789abcdef"
# limits: outputBytes=16

import os

os.write(1, b"0123456789abcdef")
os.write(1, b"!")
