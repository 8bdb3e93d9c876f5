//! A run in a process of its own, started by a server that has no cluster: the server re-executes its
//! own binary into [`crate::main`], so that a program never runs inside the server's process.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use locus_core::{Assignment, Event, Limits, Network, Outcome, Program, RunResult, Standby};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::cgroup::{Cgroup, Delegation};
use crate::cli::Beforehand;
pub use crate::input::{InputError, Stdin};
use crate::sandbox::{Isolation, Layer, SandboxReport};

/// The first argument that leads a binary into [`crate::main`] with the arguments after it.
pub const EMBEDDED_COMMAND: &str = "__runner";

/// Starts runs on this machine. The binary that uses it must lead [`EMBEDDED_COMMAND`] into [`crate::main`].
#[derive(Debug)]
pub struct Launcher {
    report: SandboxReport,
    stock: Arc<Stock>,
}

/// Runners that were made ready while there was time, sandbox, interpreter and all: that takes longer than many a program.
#[derive(Debug)]
struct Stock {
    isolation: Option<Isolation>,
    network: Network,
    delegation: Option<Delegation>,
    /// Spare runners of each language that was used.
    size: usize,
    /// Those that are ready or about to be.
    spares: Mutex<HashMap<Program, Vec<JoinHandle<io::Result<Ready>>>>>,
}

/// A runner that waits for its assignment, and holds nothing of anybody.
#[derive(Debug)]
struct Ready {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    cgroup: Option<Cgroup>,
}

/// A run in a process of its own. Dropping it cancels the run.
#[derive(Debug)]
pub struct EmbeddedRun {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    finished: bool,
    canceller: Canceller,
    stdin: Stdin,
    _cgroup: Option<Cgroup>,
    refill: Option<Refill>,
}

/// Stops one run, from anywhere and at any time. Clones stop the same one.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<Target>);

#[derive(Debug)]
struct Target {
    cancelled: AtomicBool,
    /// The process itself, whose number may be another's once it has ended.
    #[cfg(target_os = "linux")]
    process: std::os::fd::OwnedFd,
}

/// Makes the next spare runner when it is dropped: at the end of a run, which it would only slow down before.
#[derive(Debug)]
struct Refill {
    stock: Arc<Stock>,
    standby: Standby,
}

impl Launcher {
    /// Looks at what this machine has to offer.
    ///
    /// # Errors
    /// When the process that is asked can't be started or does not answer.
    pub fn probe(network: Network) -> io::Result<Self> {
        let mut report = probe()?;
        let mut delegation = None;
        if report.isolation == Some(Isolation::Namespaces) {
            let found = Delegation::find();
            report.layers.push(Layer {
                name: "cgroup-limits".to_owned(),
                in_force: found.is_ok(),
                detail: match &found {
                    Ok(_) => "the kernel counts and bounds all memory and processes of a run".to_owned(),
                    Err(error) => format!("none: {error}"),
                },
            });
            if let (Ok(_), Some(memory)) = (&found, report.layers.iter_mut().find(|layer| layer.name == "memory")) {
                memory.detail = String::from("the memory cgroup of the run is watched, and its limit stands behind it");
            }
            delegation = found.ok();
        }
        Ok(Self::new(report, network, delegation))
    }

    /// A launcher without cgroups, for a machine of which this is known.
    #[must_use]
    pub fn with(report: SandboxReport, network: Network) -> Self {
        Self::new(report, network, None)
    }

    fn new(report: SandboxReport, network: Network, delegation: Option<Delegation>) -> Self {
        let (isolation, spares) = (report.isolation, Mutex::default());
        Self { report, stock: Arc::new(Stock { isolation, network, delegation, size: 1, spares }) }
    }

    /// The same launcher with so many spare runners of each language, from its first run on.
    ///
    /// # Panics
    /// When it has started a run already.
    #[must_use]
    pub fn warm(mut self, count: usize) -> Self {
        Arc::get_mut(&mut self.stock).expect("it is new").size = count;
        self
    }

    /// Which layers of the sandbox hold here.
    #[must_use]
    pub fn report(&self) -> &SandboxReport {
        &self.report
    }

    /// Starts a run. A tokio runtime must be running.
    ///
    /// # Errors
    /// When no process can be started, or this is not Linux.
    pub async fn launch(&self, assignment: Assignment) -> io::Result<EmbeddedRun> {
        let assignment = Assignment { network: self.stock.network, ..assignment };
        let (mut json, bounds) = (serde_json::to_vec(&assignment)?, assignment.bounds());
        let (interactive, with_tests) = (assignment.interactive, !assignment.cases.is_empty());
        let standby = standby(assignment.program, self.stock.network);
        let refill = Refill { stock: self.stock.clone(), standby };
        let program = &refill.standby.program;
        let mut ready = match self.stock.take(program).await {
            Some(ready) => ready,
            None => prepare(self.stock.clone(), program.clone(), None).await.map_err(io::Error::other)??,
        };
        if let Some(cgroup) = &ready.cgroup {
            cgroup.limit(&bounds, with_tests)?;
        }
        let canceller = Canceller::of(&ready.child)?;
        // The runner reads it to the end of the line; what follows is the program's input.
        json.push(b'\n');
        let stdin = if interactive {
            Stdin::to(ready.stdin, json)
        } else {
            tokio::spawn(async move {
                ready.stdin.write_all(&json).await.ok();
            });
            Stdin::closed()
        };
        Ok(EmbeddedRun {
            child: ready.child,
            lines: BufReader::new(ready.stdout).lines(),
            finished: false,
            canceller,
            stdin,
            _cgroup: ready.cgroup,
            refill: Some(refill),
        })
    }
}

impl Stock {
    /// A spare runner, if there is one; one that is being made is waited for.
    async fn take(&self, program: &Program) -> Option<Ready> {
        loop {
            let spare = {
                let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
                spares.get_mut(program).filter(|spares| !spares.is_empty())?.remove(0)
            };
            // Without a spare the run prepares its own, and tells what is wrong.
            if let Ok(Ok(mut ready)) = spare.await
                && matches!(ready.child.try_wait(), Ok(None))
            {
                return Some(ready);
            }
        }
    }

    fn make(&self, program: &Program, standby: Option<Standby>) -> io::Result<Ready> {
        let isolation =
            self.isolation.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "runs need Linux or a cluster"))?;
        let mut command = runner(&["exec", isolation.as_str()]);
        let cgroup = self.delegation.as_ref().map(Delegation::make).transpose()?;
        if isolation == Isolation::Namespaces {
            let cgroup = cgroup.as_ref().map(|cgroup| cgroup.memory().to_owned());
            let readable = program.readable.iter().map(PathBuf::from).collect();
            let known = Beforehand { network: self.network, cgroup, readable, standby };
            command.arg(serde_json::to_string(&known)?);
        }
        // Killed on drop it would leave the program behind: it is told to stop instead and cleans up.
        let mut child =
            Command::from(command).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(false).spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        if let (Some(cgroup), Some(id)) = (&cgroup, child.id()) {
            cgroup.take_in(id)?;
            // It has been waiting for this: what it started before would not be in the cgroup.
            Handle::current().block_on(stdin.write_all(b"\n"))?;
        }
        Ok(Ready { child, stdin, stdout, cgroup })
    }
}

/// Makes a runner ready for a run of a program, on a thread that may wait.
fn prepare(stock: Arc<Stock>, program: Program, standby: Option<Standby>) -> JoinHandle<io::Result<Ready>> {
    tokio::task::spawn_blocking(move || stock.make(&program, standby))
}

/// What a spare runner of a language holds ready.
fn standby(program: Program, network: Network) -> Standby {
    let language = locus_languages::find(locus_languages::all(), &program.language);
    let limits = language.map_or(Limits::DEFAULT, |known| known.default_limits(Limits::DEFAULT, Limits::MAXIMUM));
    Standby { program, limits, network }
}

impl Drop for Refill {
    fn drop(&mut self) {
        // When the server ends nobody needs another one.
        if Handle::try_current().is_err() {
            return;
        }
        let mut spares = self.stock.spares.lock().unwrap_or_else(PoisonError::into_inner);
        let program = &self.standby.program;
        let spares = spares.entry(program.clone()).or_default();
        if spares.len() < self.stock.size {
            spares.push(prepare(self.stock.clone(), program.clone(), Some(self.standby.clone())));
        }
    }
}

/// Asks a process like that of a run which layers of the sandbox hold on this machine.
pub(crate) fn probe() -> io::Result<SandboxReport> {
    #[cfg(not(target_os = "linux"))]
    return Ok(crate::sandbox::unsupported());
    #[cfg(target_os = "linux")]
    {
        let output = runner(&["probe"]).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            io::Error::other(format!("the runner's answer can't be read ({}): {error}", output.status))
        })
    }
}

/// This binary as a runner, with an environment of its own.
fn runner(args: &[&str]) -> std::process::Command {
    // The link names the binary even after a new version took its place on disk.
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg(EMBEDDED_COMMAND).args(args).env_clear();
    command
}

impl EmbeddedRun {
    /// The next event; `None` after the run has finished. A process that dies without a result
    /// finishes with [`Outcome::RunnerFailed`].
    pub async fn next_event(&mut self) -> Option<io::Result<Event>> {
        if self.finished {
            return None;
        }
        let event = match self.lines.next_line().await {
            Ok(Some(line)) => match serde_json::from_str(&line) {
                Ok(event) => event,
                Err(error) => return Some(Err(error.into())),
            },
            Ok(None) => Event::Finished { result: self.died().await },
            Err(error) => return Some(Err(error)),
        };
        self.finished = matches!(event, Event::Finished { .. });
        if self.finished {
            self.stdin.over();
            self.refill = None;
        }
        Some(Ok(event))
    }

    /// What sends to the program's standard input, where the run is interactive. It may be used while an event is waited
    /// for.
    #[must_use]
    pub fn stdin(&self) -> Stdin {
        self.stdin.clone()
    }

    /// What stops the run. It may be used while an event is waited for.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Asks the run to stop; it then finishes as [`Outcome::Cancelled`].
    pub fn cancel(&self) {
        self.canceller.cancel();
    }

    async fn died(&mut self) -> RunResult {
        let how = match self.child.wait().await {
            // It was told to stop before it could listen: nothing of the run has started.
            Ok(_) if self.canceller.0.cancelled.load(Ordering::Relaxed) => {
                return RunResult::failed(Outcome::Cancelled, "the run was cancelled");
            }
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        RunResult::failed(Outcome::RunnerFailed, format!("the runner's process ended without a result: {how}"))
    }
}

impl Drop for EmbeddedRun {
    fn drop(&mut self) {
        if !self.finished {
            self.cancel();
        }
        self.stdin.over();
    }
}

impl Canceller {
    /// That of a process which has not been waited for.
    #[cfg_attr(not(target_os = "linux"), allow(clippy::unnecessary_wraps))]
    fn of(child: &Child) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        let process = {
            use rustix::process::{Pid, PidfdFlags, pidfd_open};
            let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
            pidfd_open(pid.ok_or_else(|| io::Error::other("the runner's process has ended"))?, PidfdFlags::empty())?
        };
        #[cfg(not(target_os = "linux"))]
        let _ = child;
        Ok(Self(Arc::new(Target {
            cancelled: AtomicBool::new(false),
            #[cfg(target_os = "linux")]
            process,
        })))
    }

    /// Asks the run to stop; it then finishes as [`Outcome::Cancelled`]. More than once changes nothing.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
        // It can only fail when the process has ended, which is what is wanted.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::pidfd_send_signal(&self.0.process, rustix::process::Signal::TERM);
    }
}
