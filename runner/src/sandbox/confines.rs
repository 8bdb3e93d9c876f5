//! What every process of a run is put under between fork and exec, made ready before the fork.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use locus_core::{Limits, Network};
use rustix::process::{Pid, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::BpfProgram;

use super::view::View;
use super::{landlock, seccomp};

/// Open files of a program.
const OPEN_FILES: u64 = 1024;
/// Bytes of memory that a program may lock.
const LOCKED_BYTES: u64 = 8 << 20;
/// Queued signals and timers of a program; each is memory of the kernel.
const QUEUED_SIGNALS: u64 = 4096;
/// Bytes of POSIX message queues of a program.
const MESSAGE_BYTES: u64 = 800 << 10;
/// The one size of a core dump that also keeps the kernel from handing it to a program of the machine: see core(5).
const NO_CORE: u64 = 1;
/// Threads of the runner itself, which count for the same uid, and some to spare.
const RUNNER_THREADS: u64 = 4;
/// What data may grow to, over four times the memory limit, before allocations fail. It only stands behind the watcher:
/// thread stacks and the reserves of a garbage collector count as data although no page of them is used.
const DATA_SLACK: u64 = 1 << 30;

/// Where processes of a run live, as far as it decides what bounds them.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What they may see.
    pub view: View,
    /// What they may reach.
    pub network: Network,
    /// Whether their user is theirs alone, so that its processes can be counted.
    pub own_user: bool,
    /// Whether a cgroup counts and bounds their memory.
    pub counted: bool,
    /// Whether their ipc namespace is theirs alone.
    pub own_ipc: bool,
}

/// The bounds of one step of a run.
#[derive(Debug)]
pub struct Confines {
    rlimits: Vec<(Resource, Rlimit)>,
    filters: Vec<BpfProgram>,
    rules: Option<OwnedFd>,
}

impl Confines {
    /// Makes them ready.
    ///
    /// # Errors
    /// When the kernel refuses a layer that it has.
    pub fn new(setting: &Setting, limits: &Limits) -> io::Result<Self> {
        let rules = seccomp::Rules { network: setting.network, counted: setting.counted, own_ipc: setting.own_ipc };
        Ok(Self {
            rlimits: rlimits(setting, limits),
            filters: seccomp::filters(rules)?.unwrap_or_default(),
            rules: landlock::ruleset(setting)?,
        })
    }

    /// Puts a process that is under others under the limits of these.
    ///
    /// # Errors
    /// When one of them is above what the process has.
    pub fn lower(&self, process: Pid) -> io::Result<()> {
        for (resource, rlimit) in &self.rlimits {
            rustix::process::prlimit(Some(process), *resource, *rlimit)?;
        }
        Ok(())
    }

    /// Puts this process under them, for good. It runs after fork, where other threads' locks may be held for ever:
    /// it makes raw system calls only and allocates nothing.
    pub fn apply(&self) -> io::Result<()> {
        for (resource, rlimit) in &self.rlimits {
            rustix::process::setrlimit(*resource, *rlimit)?;
        }
        // Where there are none it changes nothing, and with no-new-privs none come back.
        drop_capabilities()?;
        rustix::thread::clear_ambient_capability_set()?;
        rustix::thread::set_no_new_privs(true)?;
        if let Some(rules) = &self.rules {
            landlock::restrict(rules.as_fd())?;
        }
        seccomp::apply(&self.filters)
    }
}

/// Takes all capabilities from this thread. Allocates nothing.
pub fn drop_capabilities() -> io::Result<()> {
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    Ok(rustix::thread::set_capabilities(None, none)?)
}

/// Each limit, but never more than this process may hand on.
fn rlimits(setting: &Setting, limits: &Limits) -> Vec<(Resource, Rlimit)> {
    // The kernel counts in whole seconds; where the limit is none, the supervision acts first.
    let cpu = u64::from(limits.cpu_seconds.rounded_up());
    let mut wanted = vec![
        // SIGXCPU at the first, SIGKILL at the second for a program that ignores it.
        (Resource::Cpu, cpu, cpu + 1),
        (Resource::Fsize, limits.file_bytes, limits.file_bytes),
        (Resource::Core, NO_CORE, NO_CORE),
        (Resource::Nofile, OPEN_FILES, OPEN_FILES),
        (Resource::Memlock, LOCKED_BYTES, LOCKED_BYTES),
        (Resource::Sigpending, QUEUED_SIGNALS, QUEUED_SIGNALS),
        (Resource::Msgqueue, MESSAGE_BYTES, MESSAGE_BYTES),
    ];
    if setting.own_user {
        let threads = u64::from(limits.processes) + RUNNER_THREADS;
        wanted.push((Resource::Nproc, threads, threads));
    }
    if !setting.counted {
        let data = limits.memory_bytes.saturating_mul(4).saturating_add(DATA_SLACK);
        wanted.push((Resource::Data, data, data));
    }
    let bounded = |(resource, soft, hard): (Resource, u64, u64)| {
        let ceiling = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        (resource, Rlimit { current: Some(soft.min(ceiling)), maximum: Some(hard.min(ceiling)) })
    };
    wanted.into_iter().map(bounded).collect()
}
