# attack: Takes kernel objects that are counted per user: inotify instances and watches, eventfds and epolls nested in each other.
# expect: Completed

import ctypes
import os
import select

libc = ctypes.CDLL(None, use_errno=True)
instances, watches = [], 0
while len(instances) < 2000:
    fd = libc.inotify_init()
    if fd < 0:
        break
    instances.append(fd)
if len(instances) == 2000:
    print("BROKEN: 2000 inotify instances")
for fd in instances:
    os.close(fd)

epolls = []
try:
    while len(epolls) < 2000:
        outer = select.epoll()
        if epolls:
            outer.register(epolls[-1].fileno(), select.EPOLLIN)
        epolls.append(outer)
except OSError:
    pass
print("BROKEN: 2000 epolls nested in each other" if len(epolls) == 2000 else "held")
