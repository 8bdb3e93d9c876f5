//! A run in a process of its own, started by a server that has no cluster: the server re-executes its
//! own binary into [`crate::main`], so that a program never runs inside the server's process.

use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sandbox::{Isolation, SandboxReport};
use locus_core::{Assignment, Event, Outcome, RunResult};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The first argument that leads a binary into [`crate::main`] with the arguments after it.
pub const EMBEDDED_COMMAND: &str = "__runner";

/// A run in a process of its own. Dropping it cancels the run.
#[derive(Debug)]
pub struct EmbeddedRun {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    finished: bool,
    cancelled: AtomicBool,
}

/// Asks a process like that of a run which layers of the sandbox hold on this machine. The binary that calls this must
/// lead [`EMBEDDED_COMMAND`] into [`crate::main`].
///
/// # Errors
/// When the process can't be started or does not answer.
pub fn probe() -> io::Result<SandboxReport> {
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

/// Starts a run. The binary that calls this must lead [`EMBEDDED_COMMAND`] into [`crate::main`], and
/// a tokio runtime must be running.
///
/// # Errors
/// When no process can be started, or this is not Linux.
pub fn launch(assignment: &Assignment, isolation: Isolation) -> io::Result<EmbeddedRun> {
    if !cfg!(target_os = "linux") {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "runs need Linux or a cluster"));
    }
    let json = serde_json::to_vec(assignment)?;
    let mut command = Command::from(runner(&["exec", isolation.as_str()]));
    // Killed on drop it would leave the program behind: it is told to stop instead and cleans up.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(false).spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("the process has no pipes"));
    };
    tokio::spawn(async move {
        // A child that died meanwhile shows in its events.
        let _ = stdin.write_all(&json).await;
    });
    Ok(EmbeddedRun { child, lines: BufReader::new(stdout).lines(), finished: false, cancelled: AtomicBool::new(false) })
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
