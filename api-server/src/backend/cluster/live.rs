//! The events of a run as its runner tells them, over as many connections as it takes.

use std::sync::Arc;
use std::time::Duration;

use locus_core::Event;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::runner::{RunnerError, Runners};
use super::seen::Claimed;

/// The first pause before a runner is asked again, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How many events are read before they are told.
const AHEAD: usize = 8;

/// Something of a run's events.
#[derive(Debug)]
pub enum Heard {
    /// The connection is a new one: what follows begins with the first event again.
    Again,
    /// An event; [`Event::Finished`] is the last one.
    Event(Event),
}

/// A task that listens to a runner; it ends when this is dropped.
#[derive(Debug)]
pub struct Live {
    heard: mpsc::Receiver<Heard>,
    task: JoinHandle<()>,
}

impl Live {
    /// Listens to the runner of a run.
    pub fn start(runners: Arc<Runners>, pod: Claimed, run: String) -> Self {
        let (tell, heard) = mpsc::channel(AHEAD);
        let task = tokio::spawn(async move {
            let (mut pause, mut furthest) = (PAUSE_MIN, 0);
            loop {
                let mut heard = 0;
                match listen(&runners, &pod, &run, &tell, &mut heard).await {
                    Err(error) if error.is_final() => {
                        tracing::debug!(pod.name = pod.name, error = %error, "the run's events are not to be had live");
                        return;
                    }
                    Ok(true) => return,
                    // A connection that gets further than the ones before is no reason for patience.
                    Ok(false) | Err(_) if heard > furthest => (pause, furthest) = (PAUSE_MIN, heard),
                    Ok(false) | Err(_) => {}
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        });
        Self { heard, task }
    }

    /// What is heard next; `None` after the end, or when there is nothing more to be had.
    pub async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens over one connection; whether all was heard, or nobody wants to know any more.
async fn listen(
    runners: &Runners,
    pod: &Claimed,
    run: &str,
    tell: &mpsc::Sender<Heard>,
    heard: &mut usize,
) -> Result<bool, RunnerError> {
    let mut lines = runners.events(pod, run).await?;
    if tell.send(Heard::Again).await.is_err() {
        return Ok(true);
    }
    while let Some(event) = lines.next().await? {
        *heard += 1;
        let is_last = matches!(event, Event::Finished { .. });
        if tell.send(Heard::Event(event)).await.is_err() || is_last {
            return Ok(true);
        }
    }
    Ok(false)
}
