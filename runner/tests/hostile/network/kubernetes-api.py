# attack: Reaches for the Kubernetes API by the environment, by name and by the usual cluster addresses.
# expect: Completed

import os
import socket

targets = [("kubernetes.default.svc", 443), ("kubernetes.default", 443), ("10.96.0.1", 443), ("10.43.0.1", 443), ("10.152.183.1", 443), ("172.20.0.1", 443),
           ("10.100.0.1", 443), ("127.0.0.1", 6443), ("127.0.0.1", 8080), ("127.0.0.1", 2379)]
if "KUBERNETES_SERVICE_HOST" in os.environ:
    print("BROKEN: the environment names the Kubernetes API")
    targets.append((os.environ["KUBERNETES_SERVICE_HOST"], int(os.environ.get("KUBERNETES_SERVICE_PORT", "443"))))
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
