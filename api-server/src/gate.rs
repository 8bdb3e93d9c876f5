//! How many runs go on at one time, and how many may wait.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::backend::BackendError;

/// When to come back after the queue was full.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Lets a number of runs through and holds a number back.
#[derive(Debug)]
pub struct Gate {
    running: Semaphore,
    /// One for each run, going on or waiting.
    places: Semaphore,
}

/// The right to run; it ends when it is dropped.
#[derive(Debug)]
pub struct Admission<'a> {
    _running: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

impl Gate {
    /// A gate for at most `concurrent` runs at one time and `queued` waiting ones.
    #[must_use]
    pub fn new(concurrent: usize, queued: usize) -> Self {
        let places = concurrent.saturating_add(queued).min(Semaphore::MAX_PERMITS);
        Self { running: Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS)), places: Semaphore::new(places) }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`BackendError::QueueFull`], at once, when as many wait as may.
    ///
    /// # Panics
    /// Never: the gate is not closed.
    pub async fn enter(&self) -> Result<Admission<'_>, BackendError> {
        let full = |_| BackendError::QueueFull { retry_after_seconds: RETRY_AFTER_SECONDS };
        let place = self.places.try_acquire().map_err(full)?;
        let running = self.running.acquire().await.expect("nobody closes the gate");
        Ok(Admission { _running: running, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::Gate;
    use crate::backend::BackendError;

    #[tokio::test]
    async fn one_runs_one_waits_and_the_third_is_sent_away() {
        let gate = Gate::new(1, 1);
        let first = gate.enter().await.expect("there is room");
        let mut second = Box::pin(gate.enter());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(matches!(gate.enter().await, Err(BackendError::QueueFull { retry_after_seconds: 1 })));
        drop(first);
        second.await.expect("it is its turn");
    }

    #[tokio::test]
    async fn one_that_stops_waiting_leaves_its_place() {
        let gate = Gate::new(1, 1);
        let _first = gate.enter().await.expect("there is room");
        let mut second = Box::pin(gate.enter());
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        assert!(gate.enter().now_or_never().is_none(), "the place is free again");
    }
}
