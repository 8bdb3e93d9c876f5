import os, stat, sys
print(stat.S_ISFIFO(os.fstat(0).st_mode), os.get_blocking(0), sys.stdin.isatty(), sys.stdin.line_buffering)
print(repr(input("name? ")), repr(sys.stdin.readline()), repr(sys.stdin.readline()))
print(sys.stdin.buffer.read(), sys.stdin.buffer.read(), sys.stdin.errors)
