//! Control groups for runs with no cluster, where this process may make them: the kernel then counts and bounds all
//! memory and all processes of a run, also those that no process shows.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use locus_core::Limits;
use locus_core::cases::KEPT_BYTES_MAX;

use crate::sandbox::DISK_BYTES;

/// Memory of a run beside its limit: what its folders may hold, and the runner.
const BESIDE_BYTES: u64 = 3 * DISK_BYTES + (32 << 20);
/// Processes and threads of the runner, and some to spare.
const BESIDE_PROCESSES: u32 = 8;
/// How the folders of runs are called.
const PREFIX: &str = "locus-run-";

/// The two versions of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where this process may make groups.
#[derive(Debug)]
pub struct Delegation {
    version: Version,
    memory: PathBuf,
    processes: PathBuf,
}

/// The group of one run. It is removed when this value is dropped and the last process is gone.
#[derive(Debug)]
pub struct Cgroup {
    version: Version,
    memory: PathBuf,
    processes: PathBuf,
}

impl Delegation {
    /// Looks for the place, and makes it ready.
    ///
    /// # Errors
    /// One sentence that says why there is none.
    pub fn find() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path} can't be read: {error}"));
        let (own, mounts) = (read("/proc/self/cgroup")?, read("/proc/self/mountinfo")?);
        let found =
            if let (Some(memory), Some(processes)) = (folder(&own, &mounts, "memory"), folder(&own, &mounts, "pids")) {
                Self { version: Version::One, memory, processes }
            } else {
                let own = folder(&own, &mounts, "").ok_or("no cgroup file system is mounted")?;
                make_room(&own)?;
                Self { version: Version::Two, memory: own.clone(), processes: own }
            };
        found.remove_what_was_left();
        // Whether it is ours to use is best found out by using it.
        found
            .make()
            .map(drop)
            .map_err(|error| format!("groups can't be made in {}: {error}", found.memory.display()))?;
        Ok(found)
    }

    /// Makes a group.
    pub fn make(&self) -> io::Result<Cgroup> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let group =
            Cgroup { version: self.version, memory: self.memory.join(&name), processes: self.processes.join(&name) };
        fs::create_dir(&group.memory)?;
        if group.processes != group.memory {
            fs::create_dir(&group.processes)?;
        }
        Ok(group)
    }

    /// A server that was killed leaves groups behind. Those of one that lives may be empty for a moment.
    fn remove_what_was_left(&self) {
        for folder in [&self.memory, &self.processes] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if is_orphan(&entry.file_name().to_string_lossy()) {
                    let _ = fs::remove_dir(entry.path());
                }
            }
        }
    }
}

fn is_orphan(name: &str) -> bool {
    let server = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
    server.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

impl Cgroup {
    /// The folder that tells memory.
    pub fn memory(&self) -> &Path {
        &self.memory
    }

    /// Moves a process in, with all that it will start.
    pub fn take_in(&self, process: u32) -> io::Result<()> {
        fs::write(self.memory.join("cgroup.procs"), process.to_string())?;
        if self.processes != self.memory {
            fs::write(self.processes.join("cgroup.procs"), process.to_string())?;
        }
        Ok(())
    }

    /// Sets the bounds of a run. For one with tests its runner keeps the work folder in its own memory.
    pub fn limit(&self, limits: &Limits, with_tests: bool) -> io::Result<()> {
        let kept = if with_tests { KEPT_BYTES_MAX } else { 0 };
        let bytes = limits.memory_bytes.saturating_add(BESIDE_BYTES + kept).to_string();
        let (file, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", "memory.swappiness"),
            Version::Two => ("memory.max", "memory.swap.max"),
        };
        fs::write(self.memory.join(file), bytes)?;
        // Where there is no swap there is no such file.
        let _ = fs::write(self.memory.join(swap), "0");
        fs::write(self.processes.join("pids.max"), (limits.processes + BESIDE_PROCESSES).to_string())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let folders = [self.memory.clone(), self.processes.clone()];
        // The runner may need a moment to end.
        let remover = thread::Builder::new().name("cgroup".into());
        // One that is left behind is removed by the next server.
        let _ = remover.spawn(move || {
            let is_gone = |folder: &PathBuf| fs::remove_dir(folder).is_ok() || !folder.exists();
            for _ in 0..3000 {
                if folders.iter().all(is_gone) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
            tracing::warn!(?folders, "control groups are left behind: something of a run is alive");
        });
    }
}

/// Moves this process, if it is alone in its group of version 2, to one below, so that others can stand beside it.
fn make_room(own: &Path) -> Result<(), String> {
    let read = |file: &str| fs::read_to_string(own.join(file)).unwrap_or_default();
    let has =
        |file: &str| ["memory", "pids"].iter().all(|wanted| read(file).split_whitespace().any(|name| name == *wanted));
    if has("cgroup.subtree_control") {
        return Ok(());
    }
    if !has("cgroup.controllers") {
        return Err(format!("{} has no memory and pids controllers", own.display()));
    }
    let alone = read("cgroup.procs").split_whitespace().eq([std::process::id().to_string()]);
    if !alone {
        return Err(format!(
            "other processes are in {}: start Locus in a group of its own, as with systemd-run --user --scope -p Delegate=yes",
            own.display()
        ));
    }
    let below = own.join("locus");
    let moved = fs::create_dir_all(&below)
        .and_then(|()| fs::write(below.join("cgroup.procs"), std::process::id().to_string()))
        .and_then(|()| fs::write(own.join("cgroup.subtree_control"), "+memory +pids"));
    moved.map_err(|error| format!("{} is not delegated: {error}", own.display()))
}

/// The folder of this process' group, from /proc/self/cgroup and /proc/self/mountinfo; a controller names the hierarchy
/// of version 1 that it belongs to, an empty one that of version 2.
fn folder(own: &str, mounts: &str, controller: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let (mut mount, mut kind) = (mount.split(' ').skip(3), kind.split(' '));
        let (root, point) = (mount.next()?, mount.next()?);
        let right = match (kind.next()?, controller) {
            ("cgroup2", "") => true,
            ("cgroup", name) if !name.is_empty() => kind.nth(1)?.split(',').any(|option| option == name),
            _ => false,
        };
        let below = Path::new(path).strip_prefix(root).ok().filter(|_| right)?;
        Some(Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{folder, is_orphan};

    #[test]
    fn the_own_group_is_found_in_both_versions() {
        let own = "9:memory:/a/b\n8:cpu,pids:/\n0::/user.slice/x.scope\n";
        let mounts = "\
24 1 0:22 / /sys rw shared:7 - sysfs sysfs rw
30 24 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory
31 24 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,cpu,pids
32 24 0:28 /user.slice /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
        assert_eq!(folder(own, mounts, "memory"), Some(PathBuf::from("/sys/fs/cgroup/memory/a/b")));
        assert_eq!(folder(own, mounts, "pids"), Some(PathBuf::from("/sys/fs/cgroup/pids/")));
        assert_eq!(folder(own, mounts, ""), Some(PathBuf::from("/sys/fs/cgroup/unified/x.scope")));
        assert_eq!(folder(own, mounts, "hugetlb"), None);
    }
    #[test]
    fn groups_of_a_living_server_are_left_alone() {
        assert!(!is_orphan(&format!("locus-run-{}-0", std::process::id())));
        assert!(is_orphan("locus-run-4294967295-0"));
        assert!(!is_orphan("system.slice"));
    }
}
