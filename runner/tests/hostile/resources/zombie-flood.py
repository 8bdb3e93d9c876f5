# attack: Forks children that exit at once and are never reaped, to fill the process table with zombies.
# expect: Completed

import os

zombies = 0
refused = False
for _ in range(4096):
    try:
        pid = os.fork()
    except OSError:
        refused = True
        break
    if pid == 0:
        os._exit(0)
    # Wait until it is dead, but leave it unreaped.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    zombies += 1

if not refused:
    print(f"BROKEN: {zombies} zombies and no refusal")
elif zombies >= 64:
    print(f"BROKEN: {zombies} zombies under a limit of 32 processes")
else:
    print("held")
