import os, subprocess, sys
env = dict(os.environ, PYTHONPATH="/locus/python")
print(subprocess.run([sys.executable, "-c", "import sys; print(sys.path, sys.argv, 'sitecustomize' in sys.modules)"], env=env, capture_output=True, text=True))
