import os, sys
print(os.environ["PYTHONPATH"], "/tmp/lib" in sys.path, sys.flags.utf8_mode)
