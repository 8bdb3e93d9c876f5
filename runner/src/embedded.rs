//! A run in a process of its own, started by a server that has no cluster: the server re-executes its
//! own binary into [`crate::main`], so that a program never runs inside the server's process.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use locus_core::{Assignment, Event, Network, Outcome, RunResult};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;

use crate::cgroup::{Cgroup, Delegation};
use crate::sandbox::{Isolation, Layer, SandboxReport};
use crate::toolchain::Toolchain;

/// The first argument that leads a binary into [`crate::main`] with the arguments after it.
pub const EMBEDDED_COMMAND: &str = "__runner";

/// Starts runs on this machine. The binary that uses it must lead [`EMBEDDED_COMMAND`] into [`crate::main`].
#[derive(Debug)]
pub struct Launcher {
    report: SandboxReport,
    network: Network,
    /// What the languages of this machine need beside the folders of the system.
    readable: Arc<[String]>,
    delegation: Option<Arc<Delegation>>,
    /// Made ready while there is time, sandbox and all: that takes longer than many a program.
    spare: Arc<Mutex<Option<Ready>>>,
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
    cancelled: AtomicBool,
    _cgroup: Option<Cgroup>,
}

impl Launcher {
    /// Looks at what this machine has to offer for programs of these languages.
    ///
    /// # Errors
    /// When the process that is asked can't be started or does not answer.
    pub fn probe(toolchains: &[Toolchain], network: Network) -> io::Result<Self> {
        let mut launcher = Self::with(probe()?, toolchains, network);
        if launcher.report.isolation == Some(Isolation::Namespaces) {
            let found = Delegation::find();
            launcher.report.layers.push(Layer {
                name: "cgroup-limits".to_owned(),
                in_force: found.is_ok(),
                detail: match &found {
                    Ok(_) => "the kernel counts and bounds all memory and processes of a run".to_owned(),
                    Err(error) => format!("none: {error}"),
                },
            });
            if let (Ok(_), Some(memory)) =
                (&found, launcher.report.layers.iter_mut().find(|layer| layer.name == "memory"))
            {
                memory.detail = String::from("the memory cgroup of the run is watched, and its limit stands behind it");
            }
            launcher.delegation = found.ok().map(Arc::new);
        }
        Ok(launcher)
    }

    /// A launcher without cgroups, for a machine of which this is known.
    #[must_use]
    pub fn with(report: SandboxReport, toolchains: &[Toolchain], network: Network) -> Self {
        let mut readable: Vec<_> = toolchains.iter().flat_map(|toolchain| toolchain.program().readable).collect();
        readable.sort();
        readable.dedup();
        Self { report, network, readable: readable.into(), delegation: None, spare: Arc::default() }
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
        let assignment = Assignment { network: self.network, ..assignment };
        let json = serde_json::to_vec(&assignment)?;
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let alive = spare.and_then(|mut spare| matches!(spare.child.try_wait(), Ok(None)).then_some(spare));
        let mut ready = match alive {
            Some(ready) => ready,
            None => self.preparation().await?,
        };
        if let Some(cgroup) = &ready.cgroup {
            cgroup.limit(&assignment.bounds())?;
        }
        let (next, spare) = (self.preparation(), self.spare.clone());
        tokio::spawn(async move {
            ready.stdin.write_all(&json).await.ok();
            drop(ready.stdin);
            // Without a spare the next run prepares its own, and tells what is wrong.
            if let Ok(next) = next.await {
                spare.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(next);
            }
        });
        Ok(EmbeddedRun {
            child: ready.child,
            lines: BufReader::new(ready.stdout).lines(),
            finished: false,
            cancelled: AtomicBool::new(false),
            _cgroup: ready.cgroup,
        })
    }

    /// Makes a runner ready, on a thread that may wait.
    fn preparation(&self) -> impl Future<Output = io::Result<Ready>> + use<> {
        let (isolation, network, readable) = (self.report.isolation, self.network, self.readable.clone());
        let delegation = self.delegation.clone();
        let prepare = move || {
            let isolation =
                isolation.ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "runs need Linux or a cluster"))?;
            let mut command = runner(&["exec", isolation.as_str()]);
            let cgroup = delegation.map(|delegation| delegation.make()).transpose()?;
            if isolation == Isolation::Namespaces {
                let folder = cgroup.as_ref().map_or(Path::new("-"), Cgroup::memory);
                command.arg(network.as_str()).arg(folder).args(&*readable);
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
        };
        async move { tokio::task::spawn_blocking(prepare).await.map_err(io::Error::other)? }
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
        Some(Ok(event))
    }

    /// Asks the run to stop; it then finishes as [`Outcome::Cancelled`].
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        if let Some(pid) = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            // It can only fail when the process has ended, which is what is wanted.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    async fn died(&mut self) -> RunResult {
        let how = match self.child.wait().await {
            // It was told to stop before it could listen: nothing of the run has started.
            Ok(_) if self.cancelled.load(Ordering::Relaxed) => {
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
    }
}
