import os, sys
sys.stdout.write("lost")
sys.stderr.write("kept")
os._exit(7)
