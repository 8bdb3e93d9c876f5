import os
for folder in ("/", "/work", "/tmp", "/dev", "/locus", "/locus/python", "/proc/self/fd", "/dev/shm", "/etc"):
    print(folder, sorted(os.listdir(folder)))
print(os.getcwd(), os.stat(".").st_mode, os.stat("main.py").st_mode, os.getuid(), os.getgid())
