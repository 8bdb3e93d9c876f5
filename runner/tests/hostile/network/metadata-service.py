# attack: Asks the metadata services of clouds for credentials.
# expect: Completed

import socket

targets = [("169.254.169.254", 80), ("169.254.170.2", 80), ("169.254.170.23", 80), ("169.254.0.1", 80), ("100.100.100.200", 80), ("168.63.129.16", 80), ("168.63.129.16", 32526),
           ("192.0.0.192", 80), ("fd00:ec2::254", 80), ("fd20:ce::254", 80), ("metadata.google.internal", 80)]
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
