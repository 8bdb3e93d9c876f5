# attack: Reads the places where secrets of the machine, of containers and of Kubernetes usually lie.
# expect: Completed

import glob
import os
import sys

broken = []
for pattern in (
    "/root/*", "/root/.*", "/root/canary", "/root/.ssh/*", "/home/*/.*", "/home/*/*", "/home/*/.ssh/*", "/home/*/.kube/config",
    "/root/.kube/config", "/root/.aws/credentials", "/root/.docker/config.json",
    "/run/secrets/kubernetes.io/serviceaccount/*", "/var/run/secrets/kubernetes.io/serviceaccount/*", "/run/secrets/*", "/var/run/secrets/*",
    "/etc/kubernetes/*", "/etc/rancher/*", "/var/lib/kubelet/*", "/var/lib/docker/*", "/var/lib/containerd/*", "/var/lib/rancher/*",
    "/etc/ssh/ssh_host_*_key", "/etc/ssl/private/*", "/etc/sudoers.d/*", "/var/log/*.log", "/var/log/pods/*", "/var/spool/cron/*",
    "/run/user/*", "/run/systemd/*", "/var/backups/*", "/etc/machine-id", "/host/*", "/hostfs/*", "/rootfs/*", "/.dockerenv-secret", "/lost+found/*",
):
    for path in glob.glob(pattern):
        try:
            if os.path.isdir(path):
                # The way to an interpreter that stands in somebody's home is open, and nothing beside it.
                if os.listdir(path) and not sys.prefix.startswith(path):
                    broken.append(f"{path} listed")
            elif open(path, "rb").read(1) and path != "/etc/machine-id":
                broken.append(f"{path} read")
        except OSError:
            pass
print("\n".join("BROKEN: " + b for b in broken) or "held")
