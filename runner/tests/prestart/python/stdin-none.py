import sys, os
print(repr(sys.stdin.read()), os.read(0, 10))
