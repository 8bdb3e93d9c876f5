import os, posix
print(os.environ._data is posix.environ)
os.environ.update(A="1"); os.putenv("B", "2"); os.unsetenv("LANG")
os.execv("/usr/bin/env", ["env"])
