//! What the watch has seen: every run's latest state, for whoever lists runs or follows one.
//!
//! Of a run that has ended only a summary is held, and of those the newest [`KEPT_MAX`]. All of it, output and all, is held
//! for as long as somebody follows it who was there at its end: an answer then needs no request to the API server.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt as _;
use kube::runtime::watcher::Event;
use locus_api::CodeRun;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::seen::{Seen, Whole};
use crate::backend::BackendError;
use crate::shares::Room;

/// The most runs whose summaries are held; what is older is still found by its id.
pub const KEPT_MAX: usize = 10_000;
/// The bytes of all runs that are held whole.
const WHOLES_BYTES_MAX: usize = 32 << 20;
/// When to come back after as many runs were under way as may.
const RETRY_AFTER_SECONDS: u32 = 1;

/// What is known of the runs. One watch feeds it.
#[derive(Debug)]
pub struct Index {
    state: Mutex<State>,
    /// One for each run of this server that has not ended.
    places: Arc<Semaphore>,
    kept: usize,
}

#[derive(Debug, Default)]
struct State {
    runs: HashMap<String, Entry>,
    /// Creation times and names of the runs that have been seen.
    by_age: BTreeSet<(String, String)>,
    /// While the watch starts over: the names that it has listed so far.
    listed: Option<HashSet<String>>,
    /// Whether the watch has listed everything, and nothing has broken since.
    synced: bool,
    /// Whether it ever had.
    complete: bool,
    /// Room for runs that are held whole. Where there is none, whoever waits asks the API server.
    wholes: Arc<Room>,
}

#[derive(Debug)]
struct Entry {
    /// `None` as long as somebody asks for the run and nothing is known of it. Whoever follows it learns by the end of this
    /// sender that the run is gone.
    seen: watch::Sender<Option<Arc<Seen>>>,
    /// Whether the list that is being read would have to hold it.
    due: bool,
    /// Its place among the unfinished runs of this server.
    place: Option<OwnedSemaphorePermit>,
}

/// Somebody who follows a run; the entry is held as long as this is.
#[derive(Debug)]
pub struct Follower {
    index: Arc<Index>,
    name: String,
    seen: Option<watch::Receiver<Option<Arc<Seen>>>>,
}

impl Index {
    /// Knows nothing yet; at most `unfinished` runs of this server are under way at one time.
    #[must_use]
    pub fn new(unfinished: usize, kept: usize) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(unfinished.min(Semaphore::MAX_PERMITS)));
        let state = State { wholes: Room::new(WHOLES_BYTES_MAX), ..State::default() };
        Arc::new(Self { state: Mutex::new(state), places, kept })
    }

    /// A place for one more run of this server.
    ///
    /// # Errors
    /// [`BackendError::QueueFull`] when as many are under way as may.
    pub fn place(&self) -> Result<OwnedSemaphorePermit, BackendError> {
        let full = |_| BackendError::QueueFull { retry_after_seconds: RETRY_AFTER_SECONDS };
        self.places.clone().try_acquire_owned().map_err(full)
    }

    /// Follows a run. For one that is to be created this comes first, or its end could be missed.
    pub fn follow(self: &Arc<Self>, name: &str) -> Follower {
        let mut state = self.lock();
        let entry = state.runs.entry(name.to_owned()).or_insert_with(Entry::expected);
        let seen = Some(entry.seen.subscribe());
        Follower { index: self.clone(), name: name.to_owned(), seen }
    }

    /// Takes in what a request to the API server has told of a run that is followed. One that the watch has seen go meanwhile
    /// stays gone.
    pub fn read(&self, run: &CodeRun, place: Option<OwnedSemaphorePermit>) {
        let mut state = self.lock();
        let name = run.name_any();
        if !state.runs.contains_key(&name) {
            return;
        }
        state.seen(run);
        let entry = state.runs.get_mut(&name).filter(|entry| {
            let seen = entry.seen.borrow();
            seen.as_ref().is_some_and(|seen| !seen.summary.is_over())
        });
        if let (Some(entry), Some(place)) = (entry, place) {
            entry.place = Some(place);
        }
        self.prune(&mut state);
    }

    /// The runs that are known, once there is a list of all.
    pub fn all(&self) -> Result<Vec<Arc<Seen>>, BackendError> {
        let state = self.lock();
        if !state.complete {
            return Err(BackendError::Unavailable("the cluster's CodeRuns have not been listed yet".to_owned()));
        }
        Ok(state.runs.values().filter_map(|entry| entry.seen.borrow().clone()).collect())
    }

    /// What is known of a run.
    pub fn find(&self, name: &str) -> Option<Arc<Seen>> {
        self.lock().runs.get(name).and_then(|entry| entry.seen.borrow().clone())
    }

    /// Whether the watch sees everything.
    pub fn is_synced(&self) -> bool {
        self.lock().synced
    }

    /// The watch broke; it starts over by itself.
    pub fn watch_failed(&self) {
        self.lock().synced = false;
    }

    /// Takes in what the watch saw.
    pub fn observe(&self, event: &Event<CodeRun>) {
        let mut state = self.lock();
        match event {
            Event::Init => {
                state.listed = Some(HashSet::new());
                state.runs.values_mut().for_each(|entry| entry.due = entry.seen.borrow().is_some());
            }
            Event::InitApply(run) => {
                if let Some(listed) = &mut state.listed {
                    listed.insert(run.name_any());
                }
                state.seen(run);
            }
            Event::InitDone => {
                let listed = state.listed.take().unwrap_or_default();
                // What was there before and is not listed was deleted while nobody watched.
                let is_gone = |(name, entry): (&String, &Entry)| entry.due && !listed.contains(name);
                let gone: Vec<_> = state.runs.iter().filter(|it| is_gone(*it)).map(|(name, _)| name.clone()).collect();
                for name in gone {
                    state.forget(&name);
                }
                (state.synced, state.complete) = (true, true);
            }
            Event::Apply(run) => state.seen(run),
            Event::Delete(run) => {
                // A deletion carries the last state, which may be an end that nobody has seen yet.
                if state.runs.contains_key(&run.name_any()) {
                    state.seen(run);
                    state.forget(&run.name_any());
                }
            }
        }
        self.prune(&mut state);
    }

    /// Lets the oldest go when there are too many; what somebody follows and what is under way here stays.
    fn prune(&self, state: &mut State) {
        let excess = state.by_age.len().saturating_sub(self.kept);
        if excess == 0 || state.listed.is_some() {
            return;
        }
        let is_free = |name: &String| {
            let entry = state.runs.get(name);
            entry.is_some_and(|entry| entry.place.is_none() && entry.seen.receiver_count() == 0)
        };
        let oldest = state.by_age.iter().map(|(_, name)| name).filter(|name| is_free(name));
        let oldest: Vec<_> = oldest.take(excess).cloned().collect();
        for name in oldest {
            state.forget(&name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn expected() -> Self {
        Self { seen: watch::Sender::new(None), due: false, place: None }
    }
}

impl State {
    fn seen(&mut self, run: &CodeRun) {
        let name = run.name_any();
        let mut seen = Seen::of(run);
        let known = self.runs.get(&name).and_then(|entry| entry.seen.borrow().clone());
        match known {
            // Another one of the same name: whoever follows the first learns that it is gone.
            Some(known) if known.uid != seen.uid => self.forget(&name),
            Some(known) if known.is_after(&seen) => return,
            _ => {}
        }
        self.by_age.insert((seen.summary.created_at.clone(), name.clone()));
        let entry = self.runs.entry(name).or_insert_with(Entry::expected);
        if seen.summary.is_over() {
            entry.place = None;
            let is_followed = entry.seen.receiver_count() > 0;
            seen.whole = is_followed.then(|| Whole::of(run, &self.wholes)).flatten().map(Arc::new);
        }
        entry.seen.send_replace(Some(Arc::new(seen)));
    }

    fn forget(&mut self, name: &str) {
        if let Some(entry) = self.runs.remove(name)
            && let Some(seen) = &*entry.seen.borrow()
        {
            self.by_age.remove(&(seen.summary.created_at.clone(), name.to_owned()));
        }
    }
}

impl Follower {
    /// What is known of the run now.
    pub fn now(&self) -> Option<Arc<Seen>> {
        self.seen.as_ref().and_then(|seen| seen.borrow().clone())
    }

    /// Waits until something else is known of it; `false` when it is gone.
    pub async fn changed(&mut self) -> bool {
        match &mut self.seen {
            Some(seen) => seen.changed().await.is_ok(),
            None => false,
        }
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// It is gone, and nobody saw its end.
    pub async fn end(&mut self) -> Result<Arc<Seen>, BackendError> {
        let gone = || BackendError::Unavailable("the run was deleted before its result was read".to_owned());
        self.until(|seen| seen.summary.is_over()).await.ok_or_else(gone)
    }

    /// Waits until the run is as asked, or gone.
    pub async fn until(&mut self, holds: impl Fn(&Seen) -> bool) -> Option<Arc<Seen>> {
        loop {
            if let Some(seen) = self.now().filter(|seen| holds(seen)) {
                return Some(seen);
            }
            if !self.changed().await {
                // The last state may have come with the end.
                return self.now().filter(|seen| holds(seen));
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut state = self.index.lock();
        // Under the lock, so that of two that leave at once the second one is the last.
        self.seen = None;
        let Some(entry) = state.runs.get(&self.name).filter(|entry| entry.seen.receiver_count() == 0) else { return };
        let known = entry.seen.borrow().clone();
        match known {
            None => drop(state.runs.remove(&self.name)),
            Some(known) if known.whole.is_some() => {
                entry.seen.send_replace(Some(Arc::new(known.alone())));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use kube::runtime::watcher::Event;
    use locus_api::{CodeRun, CodeRunSpec, CodeRunStatus};

    use super::{Index, Seen};
    use crate::backend::BackendError;

    fn run(name: &str, version: u64, outcome: Option<&str>) -> CodeRun {
        let mut run = CodeRun::new(name, CodeRunSpec::default());
        run.metadata.resource_version = Some(version.to_string());
        run.metadata.uid = Some("1".into());
        run.status = Some(CodeRunStatus { outcome: outcome.map(Into::into), ..CodeRunStatus::default() });
        run
    }

    fn is_over(seen: &Seen) -> bool {
        seen.summary.is_over()
    }

    fn names(index: &Index) -> Vec<String> {
        let mut names: Vec<_> =
            index.all().expect("it is complete").iter().map(|seen| seen.summary.id.clone()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_end_of_its_own_run_wakes_who_waits_for_it() {
        let index = Index::new(1, 10);
        let (mut one, mut other) = (index.follow("a"), index.follow("b"));
        index.observe(&Event::Apply(run("a", 1, None)));
        assert!(one.until(is_over).now_or_never().is_none());
        index.observe(&Event::Apply(run("a", 2, Some("Completed"))));
        let ended = one.until(is_over).now_or_never().flatten().expect("it has ended");
        assert_eq!(ended.summary.reason, "Completed");
        assert!(ended.whole.is_some(), "who waited needs no request for the output");
        assert!(other.until(is_over).now_or_never().is_none());
    }

    #[test]
    fn output_is_held_as_long_as_somebody_follows_who_saw_the_end() {
        let index = Index::new(1, 10);
        let followers = [index.follow("a"), index.follow("a")];
        index.observe(&Event::Apply(run("a", 1, Some("Completed"))));
        for follower in followers {
            assert!(index.find("a").is_some_and(|seen| seen.whole.is_some()));
            drop(follower);
        }
        assert!(index.find("a").is_some_and(|seen| seen.whole.is_none() && is_over(&seen)));
        index.observe(&Event::Apply(run("b", 1, Some("Completed"))));
        assert!(index.find("b").is_some_and(|seen| seen.whole.is_none()));
    }

    #[test]
    fn what_was_deleted_while_nobody_watched_is_gone() {
        let index = Index::new(1, 10);
        let (mut before, mut unborn) = (index.follow("before"), index.follow("unborn"));
        index.read(&run("before", 1, None), None);
        index.observe(&Event::Init);
        let mut during = index.follow("during");
        index.read(&run("during", 2, None), None);
        for event in [Event::InitApply(run("listed", 1, Some("TimedOut"))), Event::InitDone] {
            index.observe(&event);
        }
        assert_eq!(names(&index), ["during", "listed"]);
        assert!(index.is_synced());
        assert!(before.until(is_over).now_or_never().is_some_and(|seen| seen.is_none()));
        assert!(unborn.until(is_over).now_or_never().is_none(), "it may not have been created yet");
        assert!(during.until(is_over).now_or_never().is_none(), "it may be younger than the list");
    }

    #[test]
    fn a_deletion_tells_the_end_that_it_carries() {
        let index = Index::new(1, 10);
        let (mut done, mut gone) = (index.follow("done"), index.follow("gone"));
        index.observe(&Event::Delete(run("done", 1, Some("Completed"))));
        index.observe(&Event::Delete(run("gone", 1, None)));
        assert!(done.until(is_over).now_or_never().is_some_and(|seen| seen.is_some()));
        assert!(gone.until(is_over).now_or_never().is_some_and(|seen| seen.is_none()));
        index.read(&run("gone", 1, None), None);
        assert!(index.find("gone").is_none(), "an answer that comes late brings nothing back");
    }

    #[test]
    fn an_older_state_does_not_replace_a_younger_one_but_another_run_of_the_name_does() {
        let index = Index::new(1, 10);
        index.observe(&Event::Apply(run("a", 2, Some("Completed"))));
        let mut first = index.follow("a");
        index.read(&run("a", 1, None), None);
        assert!(index.find("a").is_some_and(|seen| is_over(&seen)));
        let mut other = run("a", 1, None);
        other.metadata.uid = Some("2".into());
        index.observe(&Event::Apply(other));
        assert!(index.find("a").is_some_and(|seen| !is_over(&seen)));
        assert!(first.until(|seen| seen.uid == "2").now_or_never().is_some_and(|seen| seen.is_none()));
    }

    #[test]
    fn the_oldest_that_nobody_needs_go_first() {
        let index = Index::new(1, 2);
        let _followed = [index.follow("a"), index.follow("b")];
        index.read(&run("b", 1, None), Some(index.place().expect("there is room")));
        for name in ["a", "b", "c", "d", "e"] {
            index.observe(&Event::Apply(run(name, 1, None)));
        }
        index.observe(&Event::InitDone);
        assert_eq!(names(&index), ["a", "b"]);
        assert!(matches!(index.place(), Err(BackendError::QueueFull { .. })));
        index.observe(&Event::Apply(run("b", 2, Some("Completed"))));
        assert!(index.place().is_ok(), "a run that has ended leaves its place");
    }

    #[test]
    fn who_asks_for_what_is_not_there_leaves_nothing_behind() {
        let index = Index::new(1, 10);
        drop(index.follow("a"));
        assert!(index.lock().runs.is_empty());
    }
}
