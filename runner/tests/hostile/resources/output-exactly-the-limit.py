# attack: Writes exactly as many bytes as are allowed.
# expect: Completed
# stdout: "0123456789abcde\n"
# limits: outputBytes=16

import os

os.write(1, b"0123456789abcde\n")
