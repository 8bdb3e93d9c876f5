import sys
print(sys.stdin, sys.stdin.fileno(), sys.stdin.isatty(), sys.stdin.line_buffering)
for line in sys.stdin:
    sys.stdout.write(line.upper())
