//! A run in a thread of its own, with the journal that its readers follow.

use std::io;
use std::sync::Arc;
use std::thread;

use locus_core::{Assignment, Event, RunState};

use crate::execute::{Place, execute};
use crate::journal::Journal;
use crate::memory::CgroupFiles;
use crate::signals::Cancel;

/// A run that was started.
#[derive(Debug)]
pub struct Run {
    /// Its UID.
    pub uid: String,
    /// Its events.
    pub journal: Arc<Journal>,
}

impl Run {
    /// Starts a run. That thread alone starts processes and waits for them.
    pub fn start(assignment: Assignment, place: Place, cancel: Cancel) -> io::Result<Self> {
        let run = Self { uid: assignment.uid.clone(), journal: Journal::new() };
        let journal = run.journal.clone();
        thread::Builder::new().name("run".into()).spawn(move || {
            execute(&assignment, &place, CgroupFiles::of_container(), &cancel, &mut |event: Event| {
                if let Event::Finished { result } = &event {
                    tracing::info!(
                        run.uid = assignment.uid,
                        run.outcome = %result.outcome,
                        duration_ms = result.usage.wall_seconds * 1000.0,
                        "run ended"
                    );
                }
                journal.push(event);
            });
        })?;
        Ok(run)
    }

    /// Where it stands.
    pub fn state(&self) -> RunState {
        RunState { uid: self.uid.clone(), result: self.journal.result() }
    }
}
