import signal
with open("/tmp/x", "wb", buffering=0) as file:
    print(file.write(bytes(6000)))
    print(file.write(bytes(6000)))
