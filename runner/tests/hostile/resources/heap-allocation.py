# attack: Grows the heap with ever more touched memory, far past the memory limit.
# expect: OutOfMemory

import time

hoard = []
for _ in range(256):  # 1 GiB, the safety bound
    hoard.append(bytearray(b"\x5a") * (4 << 20))
time.sleep(3)
print(f"BROKEN: {len(hoard) * 4} MiB of touched heap under a limit of 128 MiB")
