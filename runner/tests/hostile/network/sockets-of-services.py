# attack: Looks for Unix sockets of services (container engines, buses, name service, journal) in the file system and connects to them.
# expect: Completed

import os
import socket
import stat

paths = {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock", "/run/k3s/containerd/containerd.sock",
         "/var/run/cri-dockerd.sock", "/run/dbus/system_bus_socket", "/var/run/nscd/socket", "/run/systemd/private", "/run/systemd/notify", "/run/systemd/journal/socket",
         "/run/systemd/journal/stdout", "/run/systemd/resolve/io.systemd.Resolve", "/run/udev/control", "/run/snapd.socket", "/dev/log", "/tmp/.X11-unix/X0",
         "/run/user/1000/bus", "/run/user/1000/podman/podman.sock", "/var/lib/kubelet/pod-resources/kubelet.sock", "/var/lib/kubelet/device-plugins/kubelet.sock"}
for top in ("/run", "/var/run", "/tmp", "/dev", "/var/lib", "/work", "/etc"):
    for folder, folders, names in os.walk(top):
        folders[:] = folders[:200]
        for name in names:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    paths.add(path)
            except OSError:
                pass
broken = []
for path in sorted(paths):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as s:
                s.settimeout(1)
                s.connect(path)
                broken.append(f"connected to {path}")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
