//! How many runs go on at one time, and how many may wait.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{BoxFuture, MaybeDone, maybe_done};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::backend::BackendError;

/// When to come back after the queue was full.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Lets a number of runs through and holds a number back.
#[derive(Debug)]
pub struct Gate {
    running: Arc<Semaphore>,
    /// One for each run, going on or waiting.
    places: Arc<Semaphore>,
}

/// A place among those that run and wait; it is given up when it is dropped.
pub struct Place {
    turn: MaybeDone<BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>>,
    place: OwnedSemaphorePermit,
}

/// The right to run; it ends when it is dropped.
#[derive(Debug)]
pub struct Admission {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Gate {
    /// A gate for at most `concurrent` runs at one time and `queued` waiting ones.
    #[must_use]
    pub fn new(concurrent: usize, queued: usize) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { running: semaphore(concurrent), places: semaphore(concurrent.saturating_add(queued)) }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`BackendError::QueueFull`] when as many wait as may.
    pub fn place(&self) -> Result<Place, BackendError> {
        let full = |_| BackendError::QueueFull { retry_after_seconds: RETRY_AFTER_SECONDS };
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let mut turn = maybe_done(self.running.clone().acquire_owned().boxed());
        // Asked once, it stands in the queue: from here on, and not from when somebody begins to wait for it.
        let _ = (&mut turn).now_or_never();
        Ok(Place { turn, place })
    }
}

impl Place {
    /// Waits for its turn; who came first is first.
    ///
    /// # Panics
    /// Never: the gate is not closed.
    pub async fn turn(mut self) -> Admission {
        (&mut self.turn).await;
        let turn = std::pin::Pin::new(&mut self.turn).take_output().expect("it was waited for");
        let running = turn.expect("nobody closes the gate");
        Admission { _running: running, _place: self.place }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::Gate;
    use crate::backend::BackendError;

    #[tokio::test]
    async fn who_came_first_is_first_whoever_waits_first() {
        let gate = Gate::new(1, 1);
        let (first, second) = (gate.place().expect("there is room"), gate.place().expect("one may wait"));
        let mut second = Box::pin(second.turn());
        assert!(second.as_mut().now_or_never().is_none());
        drop(first.turn().await);
        second.await;
    }

    #[tokio::test]
    async fn one_runs_one_waits_and_the_third_is_sent_away() {
        let gate = Gate::new(1, 1);
        let first = gate.place().expect("there is room").turn().await;
        let mut second = Box::pin(gate.place().expect("one may wait").turn());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(matches!(gate.place(), Err(BackendError::QueueFull { retry_after_seconds: 1 })));
        drop(first);
        second.await;
    }

    #[tokio::test]
    async fn one_that_stops_waiting_leaves_its_place() {
        let gate = Gate::new(1, 1);
        let _first = gate.place().expect("there is room").turn().await;
        let mut second = Box::pin(gate.place().expect("one may wait").turn());
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        assert!(gate.place().is_ok(), "the place is free again");
    }
}
