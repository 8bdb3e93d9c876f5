# attack: Lets a child abort, so that a core_pattern pipe (apport, systemd-coredump) runs as root outside the sandbox on its input.
# expect: Completed

import os
import signal

pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGABRT)
    os._exit(0)
_, status = os.waitpid(pid, 0)
if not os.WIFSIGNALED(status):
    print("BROKEN: could not try: the child did not die by a signal")
elif os.WCOREDUMP(status):
    print("BROKEN: the kernel dumped core for a program of the sandbox")
else:
    print("held")
