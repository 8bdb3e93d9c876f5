# attack: Reaches for the kubelet and other services of the node by the gateway and the usual addresses.
# expect: Completed

import socket

hosts = {"127.0.0.1", "::1", "10.0.2.2", "172.17.0.1", "10.244.0.1", "10.42.0.1", "169.254.1.1"}
try:
    for line in open("/proc/net/route").read().splitlines()[1:]:
        gateway = bytes.fromhex(line.split()[2])
        hosts.add(".".join(str(n) for n in reversed(gateway)))
except (OSError, IndexError, ValueError):
    pass
targets = [(host, port) for host in sorted(hosts) for port in (10250, 10255, 10256, 2375, 2376, 22, 7070, 9100)]
broken = []
for host, port in targets:
    try:
        with socket.create_connection((host, port), timeout=1) as s:
            broken.append(f"connected to {host}:{port}")
            s.sendall(b"GET / HTTP/1.0\r\nHost: x\r\nMetadata: true\r\nMetadata-Flavor: Google\r\n\r\n")
            broken.append(f"{host}:{port} answered {s.recv(64)!r}")
    except OSError:
        pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
