//! A run in a thread of its own, with the journal that its readers follow.

use std::io;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use locus_core::{Assignment, Event, RunState, Standby};

use crate::execute::{Place, Prepared, execute};
use crate::input::Stdin;
use crate::journal::Journal;
use crate::memory::CgroupFiles;
use crate::prestart::{Prestarted, Waiting};
use crate::signals::Cancel;
use crate::step::Feed;

/// A run that was started.
#[derive(Debug)]
pub struct Run {
    /// Its UID.
    pub uid: String,
    /// Its events.
    pub journal: Arc<Journal>,
    /// What sends to its standard input.
    pub stdin: Stdin,
}

/// A run as it is handed to the thread.
#[derive(Debug)]
struct Job {
    assignment: Assignment,
    journal: Arc<Journal>,
    stdin: Stdin,
    feed: Option<Feed>,
}

/// What takes the run of this pod: a thread, which alone starts processes and waits for them, and which is there before the
/// run with an interpreter, where the run's language can be held ready.
#[derive(Debug)]
pub struct Post {
    runs: Sender<Job>,
    waiting: Arc<OnceLock<Waiting>>,
}

impl Post {
    /// Starts the thread.
    pub fn start(place: Place, cancel: Cancel, standby: Option<Standby>) -> io::Result<Self> {
        let (runs, run) = channel::<Job>();
        let waiting = Arc::new(OnceLock::new());
        let told = waiting.clone();
        thread::Builder::new().name("run".into()).spawn(move || {
            let standby = standby.map(|standby| {
                let gauge = place.gauge(CgroupFiles::of_container());
                let interpreter = Prestarted::start(&standby, &place, &gauge).unwrap_or_else(|error| {
                    tracing::warn!(%error, "no interpreter can be held ready");
                    None
                });
                (gauge, interpreter)
            });
            if let Some((_, Some(interpreter))) = &standby {
                let _ = told.set(interpreter.waiting());
            }
            let Ok(Job { assignment, journal, stdin, feed }) = run.recv() else { return };
            let (gauge, interpreter) = standby.unwrap_or_else(|| (place.gauge(CgroupFiles::of_container()), None));
            let prepared = Prepared { interpreter, feed };
            execute(&assignment, &place, &gauge, prepared, &cancel, &mut |event: Event| {
                if matches!(event, Event::Finished { .. }) {
                    // Before anybody can know of the end.
                    stdin.over();
                }
                if let Event::Finished { result } = &event {
                    tracing::info!(
                        run.uid = assignment.uid,
                        run.outcome = %result.outcome,
                        run.prestarted = result.prestarted,
                        duration_ms = result.usage.wall_seconds * 1000.0,
                        "run ended"
                    );
                }
                journal.push(event);
            });
        })?;
        Ok(Self { runs, waiting })
    }

    /// Whether an interpreter waits ready now.
    pub fn is_ready(&self) -> bool {
        self.waiting.get().is_some_and(Waiting::is_ready)
    }

    /// Starts the run, of which there is one. A tokio runtime must be running.
    pub fn run(&self, assignment: Assignment) -> io::Result<Run> {
        let (stdin, feed) = if assignment.interactive { interactive()? } else { (Stdin::closed(), None) };
        let run = Run { uid: assignment.uid.clone(), journal: Journal::new(), stdin: stdin.clone() };
        let sent = self.runs.send(Job { assignment, journal: run.journal.clone(), stdin, feed });
        sent.map_err(|_| io::Error::other("the thread of runs is gone"))?;
        Ok(run)
    }
}

/// The two ends of an input.
fn interactive() -> io::Result<(Stdin, Option<Feed>)> {
    let (write, read) = tokio::net::unix::pipe::pipe()?;
    let more = read.into_nonblocking_fd()?;
    Ok((Stdin::to(write, Vec::new()), Some(Feed { begun: Vec::new(), more })))
}

impl Run {
    /// Where it stands.
    pub fn state(&self) -> RunState {
        RunState { uid: self.uid.clone(), result: self.journal.result() }
    }
}
