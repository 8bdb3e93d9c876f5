import subprocess, sys
code = "import sys, os; print(sys.path, list(sys.modules)[-5:], dict(os.environ), sys.argv)"
print(subprocess.run([sys.executable, "-c", code, "x"], capture_output=True, text=True))
print(subprocess.run([sys.executable, "other.py"], input="in", capture_output=True, text=True))
