# attack: Talks HTTP to the runner's own port to start, acknowledge and delete runs.
# expect: Completed

import socket

broken = []
targets = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET, "127.1.2.3"), (socket.AF_INET6, "::1"),
           (socket.AF_INET6, "::ffff:127.0.0.1"), (socket.AF_INET6, "::")]
requests = [
    b"PUT /run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /ack HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    b"DELETE /run HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
]
for family, host in targets:
    for request in requests:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                broken.append(f"a TCP socket of family {family}")
                s.settimeout(2)
                s.connect((host, 7070))
                broken.append(f"connected to {host}:7070")
                s.sendall(request)
                broken.append(f"{request[:12]!r} answered {s.recv(64)!r}")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in dict.fromkeys(broken)) or "held")
