//! A run as it goes on: what it writes is shown as it comes, until its end.

use std::io::{self, Write};
use std::time::Duration;

use locus_core::{Outcome, Phase, Run};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::Client;
use crate::events::{Follower, Heard};
use crate::show::{Waiting, say};
use crate::stop::{Stop, is_broken_pipe};
use crate::trouble::Trouble;

/// A run that is up sooner is not announced.
const SHORT: Duration = Duration::from_millis(400);
/// How often a program that does not read is offered its input again.
const PAUSE: Duration = Duration::from_millis(100);
/// The most bytes of input that are sent at one time.
const INPUT_MAX: usize = 64 * 1024;

/// How a run is followed.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whether what it writes is shown.
    pub shows_output: bool,
    /// Whether this command's standard input is the program's.
    pub sends_input: bool,
    /// Whether the run ends with this command, or only the looking.
    pub owns: bool,
    /// How many test cases it has.
    pub cases: usize,
}

/// What came of it.
#[derive(Debug)]
pub enum Followed {
    /// It has ended.
    Ended {
        /// The run, without its output.
        run: Box<Run>,
        /// The files that can be fetched.
        files: Vec<String>,
        /// Whether its output had no reader any more.
        unread: bool,
    },
    /// It goes on, and is not looked at any more.
    Left,
    /// It goes on, but nobody reads what it writes.
    Unread,
}

/// Follows a run to its end.
///
/// # Errors
/// Its server is gone, or a stream of this process can't be written.
pub async fn follow(client: &Client, id: &str, manner: Manner, stop: &mut Stop) -> Result<Followed, Trouble> {
    let mut follower = Follower::new(client, id);
    let input = send_input(client, id, manner.sends_input);
    tokio::pin!(input);
    let (mut sends, mut asked, mut unread) = (manner.sends_input, false, false);
    let (mut files, mut cases_ended) = (Vec::new(), 0);
    let (announce_at, mut announcing) = (Instant::now() + SHORT, true);
    let (mut waiting, mut standing) = (Waiting::new(), "starting".to_owned());
    loop {
        let heard = tokio::select! {
            heard = follower.next() => heard?,
            sent = &mut input, if sends => {
                sends = false;
                sent?;
                continue;
            }
            () = stop.asked(), if !asked => {
                if !manner.owns {
                    return Ok(Followed::Left);
                }
                asked = true;
                cancel(client, id).await?;
                continue;
            }
            () = sleep_until(announce_at), if announcing => {
                announcing = false;
                waiting.tell(standing.clone());
                continue;
            }
        };
        let written = match heard {
            Heard::Finished(run) => return Ok(Followed::Ended { run, files, unread }),
            Heard::State(run) => {
                standing = state(&run);
                Ok(())
            }
            Heard::CaseStarted => Ok(()),
            Heard::CaseEnded => {
                cases_ended += 1;
                standing = format!("{cases_ended} of {} tests done", manner.cases);
                Ok(())
            }
            Heard::File(name) => {
                files.push(name);
                Ok(())
            }
            Heard::Stdout(_) | Heard::Stderr(_) if !manner.shows_output || unread => Ok(()),
            Heard::Stdout(bytes) => {
                (announcing, waiting) = (false, Waiting::new());
                write(&mut io::stdout().lock(), &bytes)
            }
            Heard::Stderr(bytes) => {
                (announcing, waiting) = (false, Waiting::new());
                write(&mut io::stderr().lock(), &bytes)
            }
        };
        if waiting.is_shown() {
            waiting.tell(standing.clone());
        }
        match written {
            Ok(()) => {}
            Err(error) if is_broken_pipe(&error) => {
                if !manner.owns {
                    return Ok(Followed::Unread);
                }
                unread = true;
                cancel(client, id).await?;
            }
            Err(source) => return Err(Trouble::Io { what: "what the program writes can't be shown".into(), source }),
        }
    }
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

async fn cancel(client: &Client, id: &str) -> Result<(), Trouble> {
    match client.cancel(id).await {
        // It was over, and so long that nothing is left of it.
        Err(trouble) if trouble.reason() == Some("NotFound") => Ok(()),
        answer => answer.map(drop),
    }
}

fn state(run: &Run) -> String {
    match run.phase {
        Phase::Running => "running".to_owned(),
        _ if run.reason == "PodPending" => "waiting for a pod".to_owned(),
        _ => "waiting for its turn".to_owned(),
    }
}

/// Sends standard input as it comes, until it ends or the program reads no more.
async fn send_input(client: &Client, id: &str, sends: bool) -> Result<(), Trouble> {
    if !sends {
        return Ok(());
    }
    let (mut stdin, mut buffer, mut at) = (tokio::io::stdin(), vec![0; INPUT_MAX], 0);
    loop {
        let count = stdin.read(&mut buffer).await.map_err(Trouble::io("standard input can't be read"))?;
        loop {
            match client.stdin(id, at, count == 0, &buffer[..count]).await {
                Ok(()) => break,
                Err(trouble) if trouble.reason() == Some("InputFull") => sleep(PAUSE).await,
                // The program has ended, which is told elsewhere.
                Err(trouble) if matches!(trouble.reason(), Some("NoInput" | "NotFound")) => return Ok(()),
                Err(trouble) => return Err(trouble),
            }
        }
        if count == 0 {
            return Ok(());
        }
        at += count as u64;
    }
}

/// Says how a run ended, unless that is well.
pub fn tell_end(run: &Run) {
    if let Some(compile) = run.compile.as_ref().filter(|_| run.outcome == Some(Outcome::CompileFailed)) {
        let stderr = io::stderr();
        // What a compiler writes is for whoever wrote the program: it is shown as it is.
        let _ = write(&mut stderr.lock(), compile.stdout.as_bytes());
        let _ = write(&mut stderr.lock(), compile.stderr.as_bytes());
    }
    for (cut, stream) in [(run.stdout_truncated, "stdout"), (run.stderr_truncated, "stderr")] {
        if cut && run.outcome != Some(Outcome::OutputLimitExceeded) {
            say(&format!("locus: not all of {stream} is here"));
        }
    }
    if run.outcome != Some(Outcome::Completed) {
        let what = if run.error.is_empty() { "the run has ended" } else { &run.error };
        say(&format!("locus: {} ({})", crate::show::one_line(what), run.reason));
    }
}
