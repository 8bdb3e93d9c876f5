# attack: Makes the limit fall after the third byte of a four-byte character that arrives byte by byte.
# expect: OutputLimitExceeded
# stdout: "0123456789abc"
# limits: outputBytes=16

import os

for byte in "0123456789abc😀".encode():
    os.write(1, bytes([byte]))
