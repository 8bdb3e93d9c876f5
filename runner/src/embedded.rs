//! A run as a child of another server: that server's own binary, started again as the runner of one run. It holds
//! no other run, so that it can take down everything below it, and no program runs inside the server itself.

use std::io;
use std::process::Stdio;

use locus_core::{Assignment, Event, Outcome, RunResult};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// The first argument of a binary that is started as a runner. Its main looks at it before any thread exists, and
/// hands what follows to [`crate::main`].
pub const EMBEDDED_COMMAND: &str = "__runner";

/// A run that takes place in a child process. Dropping it ends the run.
#[derive(Debug)]
pub struct EmbeddedRun {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    finished: bool,
}

/// Starts a run in a child process. Called inside a tokio runtime.
///
/// # Errors
/// When the process can't be made.
pub fn launch(assignment: &Assignment) -> io::Result<EmbeddedRun> {
    let body = serde_json::to_vec(assignment)?;
    // The running binary, also after a new build has replaced its file.
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let mut command = Command::new(program);
    command.args([EMBEDDED_COMMAND, "exec"]).env_clear();
    for name in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        // Its own group: a Ctrl-C for the server reaches the run through the server, which ends it in order.
        .process_group(0)
        .spawn()?;
    let missing = || io::Error::other("the runner has no pipe");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    // A runner that dies early tells by ending its events.
    tokio::spawn(async move { stdin.write_all(&body).await });
    Ok(EmbeddedRun { child, lines: BufReader::new(stdout).lines(), finished: false })
}

impl EmbeddedRun {
    /// The next event; `None` after the last one. A runner that dies is told as a result.
    pub async fn next_event(&mut self) -> Option<io::Result<Event>> {
        if self.finished {
            return None;
        }
        let event = match self.lines.next_line().await {
            Ok(Some(line)) => serde_json::from_str(&line).map_err(io::Error::other),
            Ok(None) => {
                let end = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
                let error = format!("the runner ended before it gave a result ({end})");
                Ok(Event::Finished { result: RunResult::failed(Outcome::RunnerFailed, error) })
            }
            Err(error) => Err(error),
        };
        self.finished = matches!(event, Err(_) | Ok(Event::Finished { .. }));
        Some(event)
    }

    /// Asks the run to stop; its result then says so.
    pub fn cancel(&self) {
        self.signal();
    }

    #[cfg(unix)]
    fn signal(&self) {
        let pid = self.child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            // A runner that has ended already needs no signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    #[cfg(not(unix))]
    fn signal(&self) {}
}

impl Drop for EmbeddedRun {
    /// The runner takes its run down when it is told to end; killing the runner itself would leave that undone.
    fn drop(&mut self) {
        self.cancel();
    }
}
