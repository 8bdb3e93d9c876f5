//! The processes of a run: seen, reaped and, at the end, killed to the last.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::signals::Signals;

/// The most children that are reaped before something else gets its turn.
const REAPED_AT_A_TIME: usize = 1024;
/// How long the last processes may take to die once they are killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself, with a status.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
}

/// A process and all that it starts. Nothing else may wait for children while one exists.
#[derive(Debug)]
pub struct Family {
    main: Pid,
    signals: Signals,
    /// How the main process ended, once it has.
    pub status: Option<Status>,
    /// Cpu time of all that were reaped.
    pub cpu: Duration,
    /// The most memory that one of them, or all together as far as that was seen, had at a time, in bytes.
    pub peak: u64,
    /// The largest sum of resident sets that was looked at closely, in bytes.
    pub looked_at: u64,
}

/// What the living processes of a run use together.
#[derive(Debug, Default, Clone, Copy)]
pub struct Living {
    /// Their cpu time, with that of the children they waited for.
    pub cpu: Duration,
    /// Their memory in bytes; what several of them share is counted by each.
    pub memory: u64,
}

impl Family {
    /// The family of a process that was just started.
    pub fn of(main: u32) -> io::Result<Self> {
        let main = main.try_into().ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process id"))?;
        Ok(Self { main, signals: Signals::of_children()?, status: None, cpu: Duration::ZERO, peak: 0, looked_at: 0 })
    }

    /// Readable when a child has ended.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Reaps whoever has ended; whether anybody is left.
    pub fn reap(&mut self) -> bool {
        while self.signals.take().is_some() {}
        // Children may end as fast as they are reaped; others wait for this process too.
        for _ in 0..REAPED_AT_A_TIME {
            let mut status = 0;
            let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
            // SAFETY: both pointers are valid for writes; a zeroed rusage is initialized.
            #[allow(unsafe_code)]
            let (pid, usage) = unsafe {
                let pid = libc::wait4(-1, &raw mut status, libc::WNOHANG | libc::__WALL, usage.as_mut_ptr());
                (pid, usage.assume_init())
            };
            match pid {
                0 => return true,
                // Only "no child" is possible: the call does not block.
                ..0 => return false,
                _ => {}
            }
            self.cpu += duration(usage.ru_utime) + duration(usage.ru_stime);
            self.peak = self.peak.max(u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024);
            if pid == self.main.as_raw_nonzero().get() {
                self.status = Some(if libc::WIFSIGNALED(status) {
                    Status::Signaled(libc::WTERMSIG(status))
                } else {
                    Status::Exited(libc::WEXITSTATUS(status))
                });
            }
        }
        true
    }

    /// Kills and reaps until nobody is left.
    pub fn end(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.kill();
            if !self.reap() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("processes of the run did not die when killed"));
            }
            // A process that a killed one has just forked is found in the next round.
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 5_000_000 }));
        }
    }

    fn kill(&self) {
        if std::process::id() == 1 {
            // All but PID 1 itself, at once: none can fork its way out.
            // SAFETY: sends a signal; no memory is involved.
            #[allow(unsafe_code)]
            unsafe {
                libc::kill(-1, libc::SIGKILL);
            }
            return;
        }
        if self.status.is_none() {
            // Not reaped yet, so the number is still its own.
            let _ = kill_process_group(self.main, Signal::KILL);
        }
        for process in descendants() {
            // A number can be taken over by a stranger between the look and the signal; a pidfd can't.
            if let Some(pid) = Pid::from_raw(process.pid)
                && let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
                && read_stat(process.pid).is_some_and(|again| again.start == process.start)
            {
                let _ = pidfd_send_signal(&pidfd, Signal::KILL);
            }
        }
    }

    /// What the living use now.
    #[allow(clippy::unused_self, reason = "they are this family's: a runner has one at a time")]
    pub fn living(&self) -> Living {
        descendants().iter().fold(Living::default(), |sum, process| Living {
            cpu: sum.cpu + process.cpu,
            memory: sum.memory + memory_of(process).map_or(0, Memory::sum),
        })
    }

    /// The memory of the living with shared pages counted once: exact, and slower to read. What was not looked at until
    /// the deadline does not count.
    #[allow(clippy::unused_self, reason = "as above")]
    pub fn exact_memory(&self, deadline: Instant) -> u64 {
        let mut seen: Vec<(i32, Memory)> = Vec::new();
        let mut sum = 0;
        for process in descendants() {
            let Some(memory) = memory_of(&process).filter(|memory| memory.sum() > 0) else { continue };
            if Instant::now() > deadline {
                break;
            }
            // A child that has not called exec yet may still live in the memory of its parent, which may have grown
            // between two looks.
            let mut alike = seen.iter().filter(|(_, other)| memory.is_like(*other));
            if alike.any(|(thread, _)| is_same_memory(*thread, process.thread)) {
                continue;
            }
            let beside = memory.sum() - memory.resident;
            sum += proportional(&process).map_or(memory.resident, |bytes| bytes.min(memory.resident)) + beside;
            seen.push((process.thread, memory));
        }
        sum
    }
}

fn duration(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
}

struct Process {
    pid: i32,
    parent: i32,
    start: u64,
    cpu: Duration,
    /// The thread that tells its memory.
    thread: i32,
}

/// Bytes of one process, or of several that live in the same memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Memory {
    resident: u64,
    swapped: u64,
    page_tables: u64,
}

impl Memory {
    fn sum(self) -> u64 {
        self.resident + self.swapped + self.page_tables
    }

    /// Whether the two may be of the same memory, looked at one after the other.
    fn is_like(self, other: Self) -> bool {
        let (one, other) = (self.sum(), other.sum());
        one.abs_diff(other) <= one.max(other) / 4
    }
}

/// Every process below this one.
fn descendants() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in pids.filter_map(read_stat) {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = children.remove(&std::process::id().cast_signed()).unwrap_or_default();
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let below = children.remove(&process.pid).unwrap_or_default();
        found.extend(below);
        next += 1;
    }
    found
}

fn read_stat(pid: i32) -> Option<Process> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, is the program's choice: it may hold spaces, parentheses and any byte.
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&bytes[end + 1..]).ok()?.split_ascii_whitespace().collect();
    // The first field here is the third of proc_pid_stat(5).
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks: u64 = [14, 15, 16, 17].into_iter().filter_map(number).sum();
    Some(Process {
        pid,
        parent: i32::try_from(number(4)?).ok()?,
        start: number(22)?,
        cpu: Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()),
        thread: if bytes[end + 1..].starts_with(b" Z") && number(20)? > 1 { living_thread(pid)? } else { pid },
    })
}

/// A process whose first thread has ended goes on in the others, and only they tell of its memory.
fn living_thread(pid: i32) -> Option<i32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let mut threads = threads.filter_map(|thread| thread.ok()?.file_name().to_str()?.parse().ok());
    threads.find(|thread| read_of_thread(pid, *thread, "status").is_some_and(|status| status.contains("VmRSS:")))
}

fn read_of_thread(pid: i32, thread: i32, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/{file}")).ok()
}

fn memory_of(process: &Process) -> Option<Memory> {
    let status = read_of_thread(process.pid, process.thread, "status")?;
    let bytes = |name: &str| kibibytes(&status, name).unwrap_or(0);
    Some(Memory { resident: bytes("VmRSS:"), swapped: bytes("VmSwap:"), page_tables: bytes("VmPTE:") })
}

/// Whether two threads live in the same memory, as far as the kernel tells.
fn is_same_memory(one: i32, other: i32) -> bool {
    const KCMP_VM: i32 = 1;
    // SAFETY: takes numbers only.
    #[allow(unsafe_code)]
    let order = unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_VM, 0, 0) };
    order == 0
}

/// A number of kibibytes in a file of /proc, in bytes.
pub fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn proportional(process: &Process) -> Option<u64> {
    kibibytes(&read_of_thread(process.pid, process.thread, "smaps_rollup")?, "Pss:")
}

#[cfg(test)]
mod tests {
    use super::{descendants, memory_of, proportional, read_stat};

    #[test]
    fn a_child_is_seen_below_its_parent_whatever_its_name() {
        let own = i32::try_from(std::process::id()).expect("a pid");
        let mut child = std::process::Command::new("python3")
            .args(["-c", "open('/proc/self/comm','w').write(') R 1 (');print(flush=True);import time;time.sleep(60)"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the tests need python3");
        let mut byte = [0];
        std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut byte).expect("it says that it is ready");
        let pid = i32::try_from(child.id()).expect("a pid");
        let seen = read_stat(pid).expect("it lives");
        assert_eq!(seen.parent, own);
        let memory = memory_of(&seen).expect("it lives");
        assert!(memory.resident > 0 && memory.page_tables > 0 && proportional(&seen).expect("it is ours") > 0);
        assert!(descendants().iter().any(|process| process.pid == pid));
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }
}
