import os
if os.fork() == 0:
    print("child", flush=True)
    os._exit(3)
print(os.wait()[1])
