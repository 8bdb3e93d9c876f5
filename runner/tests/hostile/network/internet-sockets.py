# attack: Makes TCP, UDP, ping, SCTP, UDP-Lite, MPTCP and raw sockets of IPv4 and IPv6 and sends by them.
# expect: Completed

import socket

broken = []
KINDS = {"TCP": (1, 6), "UDP": (2, 17), "ping": (2, 1), "ping of IPv6": (2, 58), "SCTP": (1, 132), "SCTP packets": (5, 132), "UDP-Lite": (2, 136),
         "MPTCP": (1, 262), "raw": (3, 255), "raw ICMP": (3, 1), "DCCP": (6, 33), "L2TP": (2, 115)}
for family in (socket.AF_INET, socket.AF_INET6):
    for name, (kind, protocol) in KINDS.items():
        for extra in (0, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC):
            try:
                s = socket.socket(family, kind | extra, protocol)
            except OSError:
                continue
            note = f"{name} socket of family {int(family)}"
            try:
                s.settimeout(1)
                s.connect(("127.0.0.1" if family == socket.AF_INET else "::1", 7070))
                note += ", connected"
            except OSError as error:
                note += f" ({error})"
            broken.append(note)
            s.close()
        try:
            socket.socketpair(family, kind, protocol)
            broken.append(f"{name} pair of family {int(family)}")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
