//! The runs of this machine, those that go on and those that are kept for a while after their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::kept::Kept;
use crate::backend::{BackendError, Client};

/// How much is kept of runs that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most runs.
    pub runs: usize,
    /// The most bytes of output and files, of all together.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { runs: 1000, bytes: 256 << 20 }
    }
}

/// Whoever has taken a run that nobody keeps has this long to ask how it ended.
const KEPT_AT_LEAST: Duration = Duration::from_secs(10);

/// All runs, by id.
#[derive(Debug, Default)]
pub struct Store {
    held: Mutex<Held>,
    bounds: Bounds,
}

#[derive(Debug, Default)]
struct Held {
    runs: HashMap<String, Arc<Kept>>,
    /// Those that have ended, in that order.
    ended: Vec<Ended>,
    bytes: usize,
}

#[derive(Debug)]
struct Ended {
    id: String,
    bytes: usize,
    until: Instant,
}

impl Store {
    /// A store within bounds.
    pub fn new(bounds: Bounds) -> Self {
        Self { held: Mutex::default(), bounds }
    }

    /// The run of an id, or a new one if there is none.
    pub fn insert<E>(&self, id: &str, new: impl FnOnce() -> Result<Arc<Kept>, E>) -> Result<(Arc<Kept>, bool), E> {
        let mut held = self.lock();
        if let Some(kept) = held.runs.get(id) {
            return Ok((kept.clone(), false));
        }
        let kept = new()?;
        held.runs.insert(id.to_owned(), kept.clone());
        Ok((kept, true))
    }

    /// A run of a client.
    pub fn get(&self, client: &Client, id: &str) -> Result<Arc<Kept>, BackendError> {
        let kept = self.lock().runs.get(id).filter(|kept| kept.client == *client).cloned();
        kept.ok_or_else(|| BackendError::NotFound(id.to_owned()))
    }

    /// All runs of a client.
    pub fn all(&self, client: &Client) -> Vec<Arc<Kept>> {
        self.lock().runs.values().filter(|kept| kept.client == *client).cloned().collect()
    }

    /// From now on a run is kept for its time, as long as there is room for it.
    pub fn ended(self: &Arc<Self>, kept: &Kept) {
        let (id, bytes) = (kept.id(), kept.size());
        let until = Instant::now() + kept.keep.max(KEPT_AT_LEAST);
        let mut held = self.lock();
        if !held.runs.contains_key(&id) {
            // It was told already, and was not to be kept.
            return;
        }
        let is_first = held.ended.is_empty();
        held.bytes += bytes;
        held.ended.push(Ended { id, bytes, until });
        while held.ended.len() > self.bounds.runs || (held.bytes > self.bounds.bytes && held.ended.len() > 1) {
            held.forget(0);
        }
        drop(held);
        if is_first {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Forgets a run that was asked for once and is not to be kept.
    pub fn told(&self, kept: &Kept) {
        if !kept.keep.is_zero() {
            return;
        }
        let (mut held, id) = (self.lock(), kept.id());
        match held.ended.iter().rposition(|ended| ended.id == id) {
            Some(place) => held.forget(place),
            // Its end is told before it is counted here.
            None => drop(held.runs.remove(&id)),
        }
    }

    /// Forgets runs as their time comes, until there is none that has ended.
    async fn sweep(self: Arc<Self>) {
        while let Some(next) = self.forget_until(Instant::now()) {
            tokio::time::sleep_until(next).await;
        }
    }

    fn forget_until(&self, now: Instant) -> Option<Instant> {
        let mut held = self.lock();
        while let Some(place) = held.ended.iter().position(|ended| ended.until <= now) {
            held.forget(place);
        }
        held.ended.iter().map(|ended| ended.until).min()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self, place: usize) {
        let Ended { id, bytes, .. } = self.ended.remove(place);
        self.bytes -= bytes;
        self.runs.remove(&id);
    }
}
