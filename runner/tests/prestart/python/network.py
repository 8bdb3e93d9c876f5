import socket
try:
    socket.socket()
except OSError as error:
    print(error)
print(socket.gethostname())
