//! A run from its place in the queue to its end, in a task of its own.

use std::sync::Arc;

use locus_core::{Assignment, Event, Outcome, RunResult};
use locus_runner::embedded::{EmbeddedRun, Launcher};
use tokio::sync::watch;

use super::kept::Kept;
use super::store::Store;
use crate::callback::{Callbacks, NOTICE_BYTES_MAX, Notice};
use crate::gate::Place;

/// What takes one run to its end.
pub struct Driver {
    pub kept: Arc<Kept>,
    pub place: Place,
    pub assignment: Assignment,
    pub launcher: Arc<Launcher>,
    pub store: Arc<Store>,
    pub going: Gone,
    /// Whom to tell of the end, and how.
    pub call: Option<(Arc<Callbacks>, String)>,
}

impl Driver {
    /// Takes it there.
    pub async fn run(self) {
        let Self { kept, place, assignment, launcher, store, going, call } = self;
        // What is left of the runner is cleared away when its end has been told.
        let (result, rest) = tokio::select! {
            biased;
            () = kept.cancelled() => (RunResult::failed(Outcome::Cancelled, "the run was cancelled"), None),
            admission = place.turn() => {
                let (result, run) = start(&kept, &launcher, assignment).await;
                (result, Some((run, admission)))
            }
        };
        kept.end(result);
        if let Some((callbacks, url)) = call {
            tokio::spawn(callbacks.deliver(url, notice(&kept).await));
        }
        store.ended(&kept);
        drop((rest, going));
    }
}

/// What a callback tells of the run.
async fn notice(kept: &Arc<Kept>) -> Notice {
    if let Some(asked) = &kept.asked {
        return Notice::to_whom_asked(kept.whole().await, asked, true);
    }
    // What its program wrote is not put together to be left out.
    if kept.output() > NOTICE_BYTES_MAX { Notice::brief(&kept.summary()) } else { Notice::of(kept.whole().await) }
}

async fn start(kept: &Kept, launcher: &Launcher, assignment: Assignment) -> (RunResult, Option<EmbeddedRun>) {
    kept.start();
    match launcher.launch(assignment).await {
        Ok(mut run) => (follow(kept, &mut run).await, Some(run)),
        Err(error) => (broken(&format!("the runner can't be started: {error}")), None),
    }
}

async fn follow(kept: &Kept, run: &mut EmbeddedRun) -> RunResult {
    kept.open(run.stdin());
    let mut asked = false;
    loop {
        tokio::select! {
            event = run.next_event() => match event {
                Some(Ok(Event::Finished { result })) => return result,
                Some(Ok(event)) => kept.tell(event),
                Some(Err(error)) => return broken(&format!("the runner can't be followed: {error}")),
                None => return broken("the runner ended without a result"),
            },
            () = kept.cancelled(), if !asked => {
                asked = true;
                run.cancel();
            }
        }
    }
}

fn broken(error: &str) -> RunResult {
    RunResult::failed(Outcome::RunnerFailed, error)
}

/// Counts the runs that go on and wait.
#[derive(Debug, Clone)]
pub struct Going(Arc<watch::Sender<usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub struct Gone(Going);

impl Default for Going {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Going {
    /// Counts one more.
    pub fn enter(&self) -> Gone {
        self.0.send_modify(|count| *count += 1);
        Gone(self.clone())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until there is none.
    pub async fn none(&self) {
        // The sender is this value's own, so it is there.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
