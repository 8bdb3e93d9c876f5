//! How much memory the processes of a run use together, and whether the kernel has killed one of them for it.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::family::{Family, kibibytes};

/// What tells the memory of a run.
#[derive(Debug)]
pub enum Gauge {
    /// A memory cgroup that holds nothing but the run and its runner.
    Cgroup(Cgroup),
    /// The processes, one by one.
    Processes,
}

impl Gauge {
    /// The gauge of a cgroup, from now on. `folders` are bounded by themselves, so what they hold is not counted.
    pub fn of(files: CgroupFiles, folders: Vec<PathBuf>) -> Self {
        let cgroup = Cgroup { files, folders, baseline: Cell::new(0), most_in_folders: Cell::new(0) };
        match cgroup.charged() {
            Some(charged) => {
                cgroup.baseline.set(charged);
                Self::Cgroup(cgroup)
            }
            None => Self::Processes,
        }
    }

    /// Begins anew: what is there now is not of the program that is started next. Nothing of the run may be alive.
    pub fn restart(&self) {
        if let Self::Cgroup(cgroup) = self {
            cgroup.most_in_folders.set(0);
            if let Some(charged) = cgroup.charged() {
                cgroup.baseline.set(charged);
            }
        }
    }

    /// Cpu time of everything but the runner, also of processes that nobody has waited for, where a cgroup tells it.
    pub fn cpu(&self) -> Option<Duration> {
        match self {
            Self::Cgroup(cgroup) => Some(cgroup.files.cpu()?.saturating_sub(own_cpu()?)),
            Self::Processes => None,
        }
    }

    /// How many processes the kernel has killed for memory, where that can be read.
    pub fn oom_kills(&self) -> Option<u64> {
        match self {
            Self::Cgroup(cgroup) => cgroup.files.oom_kills(),
            Self::Processes => None,
        }
    }

    /// Whether the run uses more than a limit; the family keeps the peak. It does not look beyond the deadline.
    pub fn is_over(&self, family: &mut Family, limit: u64, deadline: Instant) -> bool {
        let used = match self {
            Self::Cgroup(cgroup) => match cgroup.charged() {
                Some(charged) => charged.saturating_sub(cgroup.baseline.get()),
                // Behind this stands the cgroup's own limit.
                None => return false,
            },
            Self::Processes => {
                let sockets = socket_bytes();
                let quick = family.living().memory + sockets;
                // It counts shared pages more than once. The close look takes time: it is for who seems to be over the
                // limit, or has grown since the last one.
                if quick <= limit && quick <= family.looked_at + family.looked_at / 8 {
                    return false;
                }
                family.looked_at = family.looked_at.max(quick);
                family.exact_memory(deadline) + sockets
            }
        };
        family.peak = family.peak.max(used);
        used > limit
    }

    /// The most that the cgroup has ever held, the run's or not, where it tells that.
    pub fn peak(&self) -> Option<u64> {
        match self {
            Self::Cgroup(cgroup) => cgroup.files.peak(),
            Self::Processes => None,
        }
    }

    /// Whether a family that has ended was over a limit between two looks; `before` is what [`Self::peak`] told at its
    /// start. The kernel keeps two figures of that time, and each alone may be too high: the largest resident set of a
    /// process counts pages of files, and the peak of a cgroup counts files that are gone by now.
    pub fn was_over(&self, family: &Family, limit: u64, before: Option<u64>) -> bool {
        // Until its exec a process is a copy of this one.
        if family.peak <= limit || family.peak <= own("VmHWM:").unwrap_or(u64::MAX) {
            return false;
        }
        match self {
            Self::Cgroup(cgroup) => cgroup.peak_since(before).is_some_and(|peak| peak > limit),
            Self::Processes => family.peak > limit.saturating_add(MAPPED_BYTES),
        }
    }
}

/// Memory of a cgroup, less what is not the run's.
#[derive(Debug)]
pub struct Cgroup {
    files: CgroupFiles,
    folders: Vec<PathBuf>,
    baseline: Cell<u64>,
    /// The most that was seen in the folders.
    most_in_folders: Cell<u64>,
}

impl Cgroup {
    /// What the cgroup holds beside the content of the folders and the runner's own memory.
    fn charged(&self) -> Option<u64> {
        let folders = self.folders.iter().filter_map(bytes_in).sum();
        self.most_in_folders.set(self.most_in_folders.get().max(folders));
        Some(self.files.bytes()?.saturating_sub(folders).saturating_sub(own("RssAnon:").unwrap_or(0)))
    }

    /// The same for the moment of the peak, with the cache of files as it is now, and less what was there before the
    /// program. None if no new peak has been reached since.
    fn peak_since(&self, before: Option<u64>) -> Option<u64> {
        let peak = self.files.peak().filter(|peak| before.is_some_and(|before| before < *peak))?;
        let folders = self.folders.iter().filter_map(bytes_in).sum::<u64>().max(self.most_in_folders.get());
        let beside = folders + own("RssAnon:").unwrap_or(0) + self.baseline.get();
        Some(unreclaimable(peak, &self.files.read("memory.stat")?).saturating_sub(beside))
    }
}

fn own_cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().ok()
}

fn bytes_in(folder: &PathBuf) -> Option<u64> {
    // Only what is memory is charged to the container.
    let memory = u32::try_from(rustix::fs::statfs(folder).ok()?.f_type) == Ok(TMPFS_MAGIC);
    let stat = rustix::fs::statvfs(folder).ok().filter(|_| memory)?;
    Some((stat.f_blocks - stat.f_bfree) * stat.f_frsize)
}

/// A number of bytes of this process.
fn own(name: &str) -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// The most that a process is thought to have mapped of files which others on the machine have mapped too: commands and
/// libraries of the largest languages.
const MAPPED_BYTES: u64 = 64 << 20;
/// The type of a file system in memory, of linux/magic.h.
const TMPFS_MAGIC: u32 = 0x0102_1994;
/// Sockets that a program may have without being asked what is in them.
const FREE_SOCKETS: u64 = 32;
/// What a socket can hold when its buffer is left as it is: the kernel's `net.core.wmem_default` and some to spare.
const SOCKET_BYTES: u64 = 256 << 10;

/// What the sockets of this network may hold; a network of the run's own is meant. Nothing tells what they do hold.
fn socket_bytes() -> u64 {
    let own_network = std::process::id() == 1;
    let text = fs::read_to_string("/proc/self/net/sockstat").ok().filter(|_| own_network).unwrap_or_default();
    count(&text, "sockets: used").unwrap_or(0).saturating_sub(FREE_SOCKETS) * SOCKET_BYTES
}

/// The files of a memory cgroup, of version 2 or 1; in version 2 they tell cpu time as well. They stay readable when
/// their folder has gone out of sight.
#[derive(Debug)]
pub struct CgroupFiles {
    folder: OwnedFd,
    of_container: bool,
}

/// Where a container finds its cpu time in version 1.
const CPU_V1: [&str; 2] = ["/sys/fs/cgroup/cpuacct/cpuacct.usage", "/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage"];

impl CgroupFiles {
    /// Those of a folder.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder, of_container: false })
    }

    /// Those of this container.
    pub fn of_container() -> Option<Self> {
        let folders = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].into_iter();
        let mut files = folders.filter_map(|folder| Self::open(folder.as_ref()).ok());
        files.find(|files| files.bytes().is_some()).map(|files| Self { of_container: true, ..files })
    }

    fn read(&self, file: &str) -> Option<String> {
        let fd = rustix::fs::openat(&self.folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        io::read_to_string(fs::File::from(fd)).ok()
    }

    /// Memory in use that the kernel can't take back.
    fn bytes(&self) -> Option<u64> {
        let usage = ["memory.current", "memory.usage_in_bytes"].into_iter().find_map(|file| self.read(file))?;
        Some(unreclaimable(usage.trim().parse().ok()?, &self.read("memory.stat")?))
    }

    /// The most memory that was in use at a time.
    fn peak(&self) -> Option<u64> {
        let peak = ["memory.peak", "memory.max_usage_in_bytes"].into_iter().find_map(|file| self.read(file))?;
        peak.trim().parse().ok()
    }

    /// Version 1 has another hierarchy for it, which can be found in a container alone.
    fn cpu(&self) -> Option<Duration> {
        if let Some(stat) = self.read("cpu.stat") {
            return count(&stat, "usage_usec").map(Duration::from_micros);
        }
        let read = |path| fs::read_to_string(path).ok()?.trim().parse().ok().map(Duration::from_nanos);
        CPU_V1.into_iter().filter(|_| self.of_container).find_map(read)
    }

    fn oom_kills(&self) -> Option<u64> {
        let files = ["memory.events", "memory.oom_control"];
        files.into_iter().find_map(|file| count(&self.read(file)?, "oom_kill"))
    }
}

/// Memory that the kernel can't take back: all but the cache of files, of which those in memory have no other place. It is
/// found by taking away, since pages that nobody has mapped are in use without being named.
fn unreclaimable(usage: u64, stat: &str) -> u64 {
    let cache = count(stat, "file").or_else(|| count(stat, "cache")).unwrap_or(0);
    let taken_back = cache + count(stat, "slab_reclaimable").unwrap_or(0);
    usage.saturating_sub(taken_back) + count(stat, "shmem").unwrap_or(0)
}

/// A number of a file that has a name and a number on each line.
fn count(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CgroupFiles, Gauge, count, unreclaimable};

    #[test]
    fn the_counter_is_found_in_the_files_of_both_cgroup_versions() {
        assert_eq!(count("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n", "oom_kill"), Some(1));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), Some(3));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\n", "oom_kill"), None);
    }

    #[test]
    fn a_peak_is_the_programs_only_if_it_was_reached_since_and_less_what_is_not_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let gibibytes = |file: &str, count: u64| {
            fs::write(folder.path().join(file), (count << 30).to_string()).expect("it is written");
        };
        fs::write(folder.path().join("memory.stat"), format!("file {}\n", 1_u64 << 30)).expect("it is written");
        gibibytes("memory.current", 3);
        gibibytes("memory.peak", 4);
        let gauge = Gauge::of(CgroupFiles::open(folder.path()).expect("it is there"), Vec::new());
        let Gauge::Cgroup(cgroup) = &gauge else { panic!("it can be read") };
        let before = gauge.peak();
        assert_eq!(before, Some(4 << 30));
        assert_eq!(cgroup.peak_since(before), None, "others have reached it");
        gibibytes("memory.peak", 9);
        // Less the cache and what was there; this process counts for both.
        let since = cgroup.peak_since(before).expect("it is a new one");
        assert!(since.abs_diff(6 << 30) < 1 << 29, "{since}");
        fs::remove_file(folder.path().join("memory.peak")).expect("it is there");
        assert_eq!((gauge.peak(), cgroup.peak_since(before)), (None, None));
    }

    #[test]
    fn memory_is_what_can_not_be_taken_back() {
        assert_eq!(unreclaimable(120, "anon 5\nfile 100\nkernel 7\nshmem 3\nsock 1\n"), 23);
        assert_eq!(unreclaimable(120, "cache 100\nrss 5\nrss_huge 4\nshmem 3\n"), 23);
        assert_eq!(unreclaimable(7, ""), 7);
    }
}
