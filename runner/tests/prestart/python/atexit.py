import atexit, sys
atexit.register(print, "first registered")
atexit.register(lambda: sys.stderr.write("second\n"))
@atexit.register
def third():
    raise ValueError("at exit")
print("main")
