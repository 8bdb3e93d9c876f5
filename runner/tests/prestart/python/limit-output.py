import sys
while True:
    sys.stdout.write("é" * 4001)
