# attack: Makes the limit fall into the middle of a three-byte character.
# expect: OutputLimitExceeded
# stdout: "€€€€€"
# limits: outputBytes=16

import os

os.write(1, "€€€€€€".encode())
