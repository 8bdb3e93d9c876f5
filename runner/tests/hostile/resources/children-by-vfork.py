# attack: None: an honest program with much memory that starts many others, each of which lives in its memory for a moment.
# expect: Completed
# limits: memoryBytes=134217728

import subprocess

block = bytearray(b"x") * (85 << 20)
for _ in range(150):
    subprocess.run(["/bin/true"], check=True)
print("held")
