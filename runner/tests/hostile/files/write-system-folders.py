# attack: Makes files, folders and links in every folder of the system and changes the files that are there.
# expect: Completed

import os

FOLDERS = ["/", "/bin", "/boot", "/dev", "/dev/pts", "/etc", "/etc/ld.so.conf.d", "/home", "/lib", "/lib64", "/lib32",
           "/libx32", "/media", "/mnt", "/opt", "/proc", "/proc/self", "/root", "/run", "/run/lock", "/sbin", "/srv", "/sys",
           "/sys/fs/cgroup", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib", "/var", "/var/lib",
           "/var/tmp", "/var/log", "/var/run", "/var/lock", "/var/cache", "/var/spool"]
NAME = "locus-canary"
broken = []


def attempt(what, action, undo=None):
    try:
        action()
    except (OSError, NotImplementedError):
        return
    broken.append(what)
    if undo:
        try:
            undo()
        except OSError:
            pass


def write(path, flags):
    os.close(os.open(path, flags, 0o644))


for folder in FOLDERS:
    if not os.path.isdir(folder):
        continue
    path = os.path.join(folder, NAME)
    attempt(f"file made in {folder}", lambda: write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), lambda: os.unlink(path))
    attempt(f"folder made in {folder}", lambda: os.mkdir(path), lambda: os.rmdir(path))
    attempt(f"link made in {folder}", lambda: os.symlink("/work", path), lambda: os.unlink(path))
    attempt(f"pipe made in {folder}", lambda: os.mkfifo(path), lambda: os.unlink(path))
    attempt(f"nameless file made in {folder}", lambda: write(folder, os.O_WRONLY | os.O_TMPFILE))
    attempt(f"mode of {folder}", lambda: os.chmod(folder, os.stat(folder).st_mode & 0o7777))
    attempt(f"times of {folder}", lambda: os.utime(folder))
    open("/work/mine", "w").close()
    attempt(f"file moved into {folder}", lambda: os.rename("/work/mine", path), lambda: os.unlink(path))

files = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.cache",
         "/etc/ld.so.preload", "/bin/sh", "/usr/bin/env", "/usr/bin/python3", "/usr/local/bin/python3", "/usr/bin/gcc", "/dev/null"]
for path in files:
    if path == "/etc/ld.so.preload":
        attempt(f"{path} made", lambda: write(path, os.O_WRONLY | os.O_CREAT), lambda: os.unlink(path))
        continue
    if not os.path.exists(path):
        continue
    if path != "/dev/null":
        attempt(f"{path} opened to write", lambda: write(path, os.O_WRONLY))
        attempt(f"{path} opened to append", lambda: write(path, os.O_RDWR | os.O_APPEND))
    attempt(f"mode of {path}", lambda: os.chmod(path, os.stat(path).st_mode & 0o7777))
    attempt(f"owner of {path}", lambda: os.chown(path, os.getuid(), os.getgid()))
    attempt(f"{path} moved away", lambda: os.rename(path, path + ".moved"), lambda: os.rename(path + ".moved", path))
print("\n".join("BROKEN: " + b for b in broken) or "held")
