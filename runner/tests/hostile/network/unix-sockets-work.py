# attack: None: pairs and named Unix sockets between own processes must go on working, and asyncio and multiprocessing with them.
# expect: Completed

import asyncio
import multiprocessing
import os
import socket
import threading

broken = []
a, b = socket.socketpair()
a.sendall(b"ping")
if b.recv(4) != b"ping":
    broken.append("socketpair")

server = socket.socket(socket.AF_UNIX)
server.bind("/work/s")
server.listen()
client = socket.socket(socket.AF_UNIX)
thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"pong"))
thread.start()
client.connect("/work/s")
if client.recv(4) != b"pong":
    broken.append("named socket")
thread.join()


async def add():
    await asyncio.sleep(0)
    return 42


if asyncio.run(add()) != 42:
    broken.append("asyncio")
ours, theirs = multiprocessing.Pipe()
pid = os.fork()
if pid == 0:
    theirs.send("held")
    os._exit(0)
os.waitpid(pid, 0)
if ours.recv() != "held":
    broken.append("multiprocessing")
print("\n".join("BROKEN: " + b for b in broken) or "held")
