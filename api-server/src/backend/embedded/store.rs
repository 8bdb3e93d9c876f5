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

/// What a run counts for beside what it holds.
const RUN_BYTES: usize = 4096;
/// The most runs that are remembered without their results.
const SPENT_MAX: usize = 100_000;

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
    /// Runs that had to leave before their time and may not be taken again, and when that time is.
    spent: HashMap<String, Instant>,
}

#[derive(Debug)]
struct Ended {
    id: String,
    client: Client,
    /// Whether the same request may come again.
    is_once: bool,
    bytes: usize,
    until: Instant,
}

impl Store {
    /// A store within bounds.
    pub fn new(bounds: Bounds) -> Self {
        Self { held: Mutex::default(), bounds }
    }

    /// The run of an id, or a new one if there is none and has been none.
    pub fn insert<E: From<BackendError>>(
        &self,
        id: &str,
        new: impl FnOnce() -> Result<Arc<Kept>, E>,
    ) -> Result<(Arc<Kept>, bool), E> {
        let mut held = self.lock();
        if let Some(kept) = held.runs.get(id) {
            return Ok((kept.clone(), false));
        }
        if held.spent.contains_key(id) {
            return Err(BackendError::Spent.into());
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
        let (client, is_once) = (kept.client.clone(), kept.digest.is_some());
        held.ended.push(Ended { id, client, is_once, bytes, until });
        while held.ended.len() > self.bounds.runs || (held.bytes > self.bounds.bytes && held.ended.len() > 1) {
            held.make_room();
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
        held.spent.retain(|_, until| *until > now);
        held.ended.iter().map(|ended| ended.until).chain(held.spent.values().copied()).min()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Forgets the oldest run of the client that holds most, so that nobody's runs leave for those of another who holds
    /// more. That a request was taken is remembered: it must not be run twice.
    fn make_room(&mut self) {
        let mut sizes: HashMap<&Client, usize> = HashMap::new();
        for ended in &self.ended {
            *sizes.entry(&ended.client).or_default() += ended.bytes + RUN_BYTES;
        }
        let most = sizes.into_iter().max_by_key(|(_, size)| *size).map(|(client, _)| client.clone());
        let Some(place) = self.ended.iter().position(|ended| Some(&ended.client) == most.as_ref()) else { return };
        let Ended { id, is_once, until, .. } = &self.ended[place];
        if *is_once && self.spent.len() < SPENT_MAX {
            self.spent.insert(id.clone(), *until);
        }
        self.forget(place);
    }

    fn forget(&mut self, place: usize) {
        let Ended { id, bytes, .. } = self.ended.remove(place);
        self.bytes -= bytes;
        self.runs.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use locus_core::{Event, Outcome, Run, RunRequest, RunResult};
    use tokio::time::Instant;

    use super::{Bounds, KEPT_AT_LEAST, Store};
    use crate::backend::embedded::kept::Kept;
    use crate::backend::{BackendError, Once, Order, Told};

    /// A run of so many bytes that has ended.
    fn ended(store: &Arc<Store>, id: &str, client: Option<&str>, keep_seconds: u32, bytes: usize) -> Arc<Kept> {
        let once = id.starts_with("once").then(|| Once { id: id.to_owned(), digest: String::new() });
        let order =
            Order { request: RunRequest::default(), client: client.map(str::to_owned), once, keep_seconds, note: None };
        let new = || Ok::<_, BackendError>(Arc::new(Kept::new(Run { id: id.into(), ..Run::default() }, order)));
        let (kept, is_new) = store.insert(id, new).expect("there is no such run");
        assert!(is_new);
        kept.tell(Event::Stdout { data: vec![b'x'; bytes] });
        kept.end(RunResult::failed(Outcome::Completed, ""));
        store.ended(&kept);
        kept
    }

    fn ids(store: &Store) -> Vec<String> {
        let mut ids: Vec<_> = store.all(&None).iter().map(|kept| kept.id()).collect();
        ids.sort();
        ids
    }

    #[tokio::test]
    async fn the_oldest_leave_when_there_are_too_many_or_they_are_too_large() {
        let store = Arc::new(Store::new(Bounds { runs: 3, bytes: 100 }));
        for id in ["a", "b", "c", "d"] {
            ended(&store, id, None, 60, 10);
        }
        assert_eq!(ids(&store), ["b", "c", "d"]);
        ended(&store, "e", None, 60, 85);
        assert_eq!(ids(&store), ["d", "e"]);
        ended(&store, "f", None, 60, 500);
        assert_eq!(ids(&store), ["f"], "the last one stays, however large");
    }

    #[tokio::test]
    async fn what_was_asked_for_counts_with_its_run() {
        let request = RunRequest {
            code: Some("x".repeat(100)),
            stdin: "y".repeat(20),
            args: vec!["z".into(), "zz".into()],
            ..RunRequest::default()
        };
        let order = |note| Order { request: request.clone(), client: None, once: None, keep_seconds: 60, note };
        let size = |note| Kept::new(Run::default(), order(note)).size();
        assert_eq!((size(None), size(Some("note".into()))), (0, 127));
    }

    #[tokio::test]
    async fn nobody_s_runs_leave_for_those_of_a_client_who_holds_more() {
        let store = Arc::new(Store::new(Bounds { runs: 100, bytes: 100_000 }));
        ended(&store, "small", Some("small"), 60, 10);
        for id in ["a", "b", "c", "d"] {
            ended(&store, id, Some("large"), 60, 40_000);
        }
        assert!(store.get(&Some("small".into()), "small").is_ok());
        assert_eq!(store.all(&Some("large".into())).len(), 2);
    }

    #[tokio::test]
    async fn a_request_whose_run_had_to_leave_is_not_run_again_before_its_time() {
        let store = Arc::new(Store::new(Bounds { runs: 1, bytes: 100 }));
        ended(&store, "once-1", None, 60, 1);
        ended(&store, "b", None, 60, 1);
        assert_eq!(ids(&store), ["b"]);
        let again = || store.insert("once-1", || Err(BackendError::NotFound("a new one".into()))).expect_err("no run");
        assert_eq!(again(), BackendError::Spent);
        store.forget_until(Instant::now() + Duration::from_secs(61));
        assert_eq!(again(), BackendError::NotFound("a new one".into()));
    }

    #[tokio::test]
    async fn runs_leave_when_their_time_is_over() {
        let store = Arc::<Store>::default();
        ended(&store, "short", None, 60, 1);
        ended(&store, "long", None, 3600, 1);
        let now = Instant::now();
        assert!(store.forget_until(now + Duration::from_secs(59)).is_some_and(|next| next > now));
        assert_eq!(ids(&store), ["long", "short"]);
        store.forget_until(now + Duration::from_secs(61));
        assert_eq!(ids(&store), ["long"]);
        assert_eq!(store.forget_until(now + Duration::from_secs(3601)), None);
        assert!(ids(&store).is_empty());
    }

    #[tokio::test]
    async fn whoever_watches_a_run_does_not_hold_it_when_it_has_to_leave() {
        let store = Arc::new(Store::new(Bounds { runs: 1, bytes: 100 }));
        let kept = ended(&store, "a", None, 60, 1);
        let (mut unread, held) = (kept.watch(), Arc::downgrade(&kept));
        assert!(matches!(unread.next().await, Some(Told::State(_))));
        drop(kept);
        assert!(held.upgrade().is_some());
        ended(&store, "b", None, 60, 1);
        assert!(held.upgrade().is_none(), "it is held by who does not read");
        assert_eq!(unread.next().await, None, "it broke off");
    }

    #[tokio::test]
    async fn whoever_watches_a_run_that_is_not_kept_hears_all_of_it() {
        let store = Arc::<Store>::default();
        let kept = ended(&store, "a", None, 0, 1);
        let mut watch = kept.watch();
        store.told(&kept);
        drop(kept);
        assert!(matches!(watch.next().await, Some(Told::State(_))));
        assert!(matches!(watch.next().await, Some(Told::Event(Event::Stdout { .. }))));
        assert!(matches!(watch.next().await, Some(Told::Ended(_))));
        assert_eq!(watch.next().await, None);
    }

    #[tokio::test]
    async fn a_run_that_is_not_kept_leaves_when_it_is_told() {
        let store = Arc::<Store>::default();
        let (kept, other) = (ended(&store, "a", None, 0, 1), ended(&store, "b", None, 60, 1));
        assert_eq!(ids(&store), ["a", "b"], "nobody has asked yet");
        store.told(&kept);
        store.told(&other);
        assert_eq!(ids(&store), ["b"]);
        store.ended(&kept);
        assert_eq!(store.lock().bytes, 1, "what is told is not counted");
        ended(&store, "c", None, 0, 1);
        store.forget_until(Instant::now() + KEPT_AT_LEAST);
        assert_eq!(ids(&store), ["b"], "nobody has asked at all");
    }

    #[tokio::test]
    async fn a_client_finds_its_own_runs_alone() {
        let store = Arc::<Store>::default();
        ended(&store, "a", Some("school"), 60, 1);
        assert!(store.get(&Some("school".into()), "a").is_ok());
        for other in [None, Some("other".to_owned())] {
            assert!(store.get(&other, "a").is_err() && store.all(&other).is_empty(), "{other:?}");
        }
    }
}
