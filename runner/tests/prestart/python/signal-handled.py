import os, signal
signal.signal(signal.SIGTERM, lambda number, frame: print("got", number, frame.f_lineno))
os.kill(os.getpid(), signal.SIGTERM)
print("on")
