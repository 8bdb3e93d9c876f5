# attack: Listens for connections from outside on all addresses.
# expect: Completed

import socket

broken = []
for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::"), (socket.AF_INET6, "::1")):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for port in (0, 80, 7070, 8080, 31337):
            try:
                with socket.socket(family, kind) as s:
                    broken.append(f"a socket of family {int(family)}, type {int(kind)}")
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # would share the runner's port
                    s.bind((host, port))
                    if kind == socket.SOCK_STREAM:
                        s.listen()
                    broken.append(f"listens on {host}:{s.getsockname()[1]}, type {int(kind)}")
            except OSError:
                pass
try:
    import http.server

    with http.server.ThreadingHTTPServer(("", 0), http.server.SimpleHTTPRequestHandler) as server:
        broken.append(f"HTTP server on port {server.server_port}")
except OSError:
    pass
print("\n".join("BROKEN: " + b for b in dict.fromkeys(broken)) or "held")
