import sys
print("\d")
open("main.py")
