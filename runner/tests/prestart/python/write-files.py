import os
open("out.txt", "w").write("x"); os.mkdir("d"); os.umask(0o77)
print(sorted(os.listdir()), os.stat("out.txt").st_mode, oct(os.umask(0)))
try:
    open("/locus/python/x", "w")
except OSError as error:
    print(error)
