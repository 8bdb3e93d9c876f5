# attack: Fills the send buffers of very many socket pairs with the largest buffer size it can set, as memory nobody counts.
# expect: Completed

import socket

held, pairs = 0, []
try:
    while held < 48 << 20 and len(pairs) < 505:
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        pairs.append((a, b))
        for end in (a, b):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
            if end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) > 256 << 20:
                print("BROKEN: a socket buffer of more than 256 MiB")
            try:
                end.setsockopt(socket.SOL_SOCKET, 32, 1 << 30)  # SO_SNDBUFFORCE
                print("BROKEN: SO_SNDBUFFORCE works without CAP_NET_ADMIN")
            except OSError:
                pass
        a.setblocking(False)
        try:
            while held < 48 << 20:
                held += a.send(b"\x5a" * 65536)
        except OSError:
            pass
except OSError:
    pass
print("held" if pairs else "BROKEN: could not try: no socketpair")
