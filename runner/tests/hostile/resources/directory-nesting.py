# attack: Nests folders 5000 deep, past PATH_MAX, to break whoever cleans up or walks the tree by recursion.
# expect: Completed
# limits: timeoutSeconds=40 cpuSeconds=40

import os

depth = 0
for base in ("/work", "/tmp"):
    os.chdir(base)
    try:
        for _ in range(5000):
            os.mkdir("a-folder")
            os.chdir("a-folder")
            depth += 1
        with open("leaf", "w") as file:
            file.write("x")
    except OSError:
        pass  # refused: fine as well
# Cannot be removed by its name: the path has more than 4096 bytes.
os.chdir("/work")
print("held" if depth > 0 else "BROKEN: could not try: not a single folder")
