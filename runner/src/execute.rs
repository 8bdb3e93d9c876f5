//! A run from its beginning to its end: files, compile step, program, result.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use locus_core::{Assignment, CompileResult, Event, Limits, Outcome, RunResult, Usage};
use rustix::event::{EventfdFlags, eventfd};

use crate::child;
use crate::supervise::{Ended, Stop, Stream, supervise};
use crate::work;

/// The most bytes that are kept of each of a compiler's streams.
const COMPILER_BYTES: u64 = 64 * 1024;

/// Where a run takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a pod that is the run's own: its container bounds memory, its user counts processes.
    Pod,
    /// On somebody's machine.
    Embedded,
}

/// Asks a run to stop.
#[derive(Debug, Clone)]
pub struct Cancel(Arc<OwnedFd>);

impl Cancel {
    /// One that [`Cancel::request`] triggers.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// One that SIGTERM or SIGINT to this process triggers. Called before any thread is started.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    #[allow(unsafe_code)]
    pub fn on_signals() -> io::Result<Self> {
        use std::os::fd::FromRawFd as _;
        // SAFETY: the set is made by sigemptyset before it is read; the calls keep no pointer to it; the descriptor
        // is new and owned by nobody else.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(Self(Arc::new(OwnedFd::from_raw_fd(fd)))) }
        }
    }

    /// Asks the run to stop.
    pub fn request(&self) {
        // It fails only when it was asked so often that the counter is full.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// Readable once the run is asked to stop.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Runs an assignment in an empty folder. The last event is [`Event::Finished`]; after it nothing of the run is alive.
/// This process must be for this run alone: every process below it is taken down at the end.
pub fn execute(assignment: &Assignment, folder: &Path, place: Place, cancel: &Cancel, on_event: &mut dyn FnMut(Event)) {
    let result = run(assignment, folder, place, cancel, on_event)
        .unwrap_or_else(|error| RunResult::failed(Outcome::RunnerFailed, format!("the runner failed: {error}")));
    on_event(Event::Finished { result });
}

fn run(
    assignment: &Assignment,
    folder: &Path,
    place: Place,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
) -> io::Result<RunResult> {
    work::fill(folder, &assignment.files)?;
    on_event(Event::Started);
    let mut compile = None;
    if let Some(argv) = &assignment.program.compile {
        let step = compile_step(assignment, argv, folder, place, cancel)?;
        if let Some(failed) = step.failed {
            return Ok(RunResult { compile: Some(step.result), ..failed });
        }
        compile = Some(step.result);
    }

    let before = Counters::read();
    let child = match child::spawn(assignment, &assignment.program.run, &assignment.args, folder, place) {
        Ok(child) => child,
        Err(error) => {
            let program = &assignment.program.run[0];
            return Ok(RunResult::failed(Outcome::RunnerFailed, format!("{program:?} can't be started: {error}")));
        }
    };
    let mut on_chunk = |stream, data: &[u8]| {
        let data = data.to_vec();
        on_event(match stream {
            Stream::Stdout => Event::Stdout { data },
            Stream::Stderr => Event::Stderr { data },
        });
    };
    let ended = supervise(child, assignment.stdin.as_bytes(), &assignment.limits, place, cancel, &mut on_chunk)?;
    let used = Counters::read().since(&before);
    Ok(RunResult {
        compile,
        usage: Usage {
            wall_seconds: ended.wall.as_secs_f64(),
            cpu_seconds: used.cpu.as_secs_f64(),
            memory_peak_bytes: used.peak_bytes,
        },
        ..verdict(&ended, &used, &assignment.limits)
    })
}

struct CompileStep {
    result: CompileResult,
    /// What the run ends with, when the compiler did not succeed.
    failed: Option<RunResult>,
}

fn compile_step(
    assignment: &Assignment,
    argv: &[String],
    folder: &Path,
    place: Place,
    cancel: &Cancel,
) -> io::Result<CompileStep> {
    let before = Counters::read();
    let child = child::spawn(assignment, argv, &assignment.compile_args, folder, place)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let limits = Limits { output_bytes: COMPILER_BYTES, ..assignment.limits };
    let ended = supervise(child, &[], &limits, place, cancel, &mut |stream, data| match stream {
        Stream::Stdout => stdout.extend_from_slice(data),
        Stream::Stderr => stderr.extend_from_slice(data),
    })?;
    let verdict = verdict(&ended, &Counters::read().since(&before), &limits);
    let result = CompileResult {
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        exit_code: verdict.exit_code,
    };
    let failed = match verdict.outcome {
        Outcome::Completed => None,
        Outcome::Cancelled => Some(verdict),
        _ => Some(RunResult::failed(Outcome::CompileFailed, format!("the compiler failed: {}", verdict.error))),
    };
    Ok(CompileStep { result, failed })
}

/// How a step that ended so is judged: what the runner did comes first, then what the kernel did, then what the
/// program did.
fn verdict(ended: &Ended, used: &Counters, limits: &Limits) -> RunResult {
    let exit_code = ended.status.exit_status();
    let signal = ended.status.terminating_signal();
    let megabytes = limits.memory_bytes >> 20;
    let over_memory = || (Outcome::OutOfMemory, format!("the program used more than its {megabytes} MiB of memory"));
    let (outcome, error) = match (ended.stop, exit_code, signal) {
        (Some(Stop::Cancelled), ..) => (Outcome::Cancelled, "the run was cancelled".into()),
        (Some(Stop::Timeout), ..) => {
            let error = format!("the program was stopped after {} s (wall-clock limit)", limits.timeout_seconds);
            (Outcome::TimedOut, error)
        }
        (Some(Stop::Memory), ..) => over_memory(),
        (Some(Stop::Output), ..) => {
            let error = format!("the program wrote more than {} bytes to a stream", limits.output_bytes);
            (Outcome::OutputLimitExceeded, error)
        }
        // The kernel counts in ticks and may be early by some.
        (None, _, Some(libc::SIGKILL | libc::SIGXCPU))
            if used.cpu.as_secs_f64() > f64::from(limits.cpu_seconds) - 0.1 =>
        {
            (Outcome::TimedOut, format!("the program used its {} s of cpu time", limits.cpu_seconds))
        }
        (None, _, Some(libc::SIGKILL)) if used.oom_kills > 0 => over_memory(),
        (None, Some(0), _) => (Outcome::Completed, String::new()),
        (None, Some(code), _) => (Outcome::NonZeroExit, format!("the program exited with status {code}")),
        (None, None, signal) => {
            (Outcome::Signaled, format!("the program was ended by signal {}", signal_name(signal.unwrap_or(0))))
        }
    };
    RunResult {
        exit_code: if ended.stop.is_none() { exit_code } else { None },
        signal: signal.filter(|_| ended.stop.is_none()).map(signal_name),
        stdout_truncated: ended.truncated[0],
        stderr_truncated: ended.truncated[1],
        ..RunResult::failed(outcome, error)
    }
}

/// What the kernel counts for processes that have ended.
struct Counters {
    cpu: Duration,
    peak_bytes: u64,
    oom_kills: u64,
}

impl Counters {
    #[allow(unsafe_code)]
    fn read() -> Self {
        // SAFETY: getrusage fills the structure that it is given; all zeroes is a value of it.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
            usage
        };
        let time = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec.cast_unsigned()) + Duration::from_micros(time.tv_usec.cast_unsigned())
        };
        Self {
            cpu: time(usage.ru_utime) + time(usage.ru_stime),
            peak_bytes: usage.ru_maxrss.cast_unsigned() * 1024,
            oom_kills: oom_kills(),
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            peak_bytes: self.peak_bytes,
            oom_kills: self.oom_kills.saturating_sub(before.oom_kills),
        }
    }
}

/// How often the kernel killed for memory in this container; 0 where that can't be read. The files are those of
/// cgroup version 2 and 1.
fn oom_kills() -> u64 {
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"]
        .into_iter()
        .find_map(|file| {
            let text = std::fs::read_to_string(file).ok()?;
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
        })
        .unwrap_or(0)
}

fn signal_name(number: i32) -> String {
    const NAMES: [(i32, &str); 21] = [
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGXCPU, "SIGXCPU"),
        (libc::SIGXFSZ, "SIGXFSZ"),
        (libc::SIGVTALRM, "SIGVTALRM"),
        (libc::SIGPROF, "SIGPROF"),
        (libc::SIGIO, "SIGIO"),
        (libc::SIGSYS, "SIGSYS"),
    ];
    let name = NAMES.iter().find(|(known, _)| *known == number);
    name.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}
