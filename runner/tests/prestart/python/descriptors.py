import os, socket
first = os.open("/dev/null", os.O_RDONLY)
print(first, [os.readlink(f"/proc/self/fd/{n}") for n in range(3, first + 1)], socket.socketpair()[0].fileno())
try:
    os.fstat(63)
except OSError as error:
    print(error)
print([os.get_inheritable(n) for n in range(3)], [os.get_blocking(n) for n in range(3)])
