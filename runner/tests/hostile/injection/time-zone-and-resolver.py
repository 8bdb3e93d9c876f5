# attack: TZ, HOSTALIASES, RESOLV_HOST_CONF and MALLOC_TRACE name files to be read or written by the C library.
# expect: Completed
# env: {"TZ": ":/etc/shadow", "HOSTALIASES": "/etc/shadow", "RESOLV_HOST_CONF": "/etc/shadow", "LD_DEBUG_OUTPUT": "/work/trace", "MALLOC_TRACE": "/work/trace", "LD_PROFILE_OUTPUT": "/work"}

import os
import time

time.tzset()
time.localtime()
print("held" if not os.path.exists("/work/trace") else "BROKEN: the C library wrote a file")
