import os, signal
print("a line that is whole", 1, "is told")
print("half of one is not", end="")
os.kill(os.getpid(), signal.SIGKILL)
