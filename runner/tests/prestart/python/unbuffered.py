import os, sys
sys.stdout.write("1 "); os.write(1, b"2 "); sys.stderr.write("3 "); sys.stdout.flush(); print("4", flush=True); os.write(2, b"5")
