import sys
print(len(sys.argv), sum(map(len, sys.argv)))
