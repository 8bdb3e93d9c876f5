//! Who waits for which `CodeRun`.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use kube::ResourceExt as _;
use kube::runtime::watcher::Event;
use locus_api::{CodeRun, CodeRunStatus};
use tokio::sync::oneshot;

/// How a `CodeRun` ended, or `None` when it was deleted before that was seen.
pub type Ended = Option<Box<CodeRunStatus>>;

/// The requests that wait for a `CodeRun` to end, by its name. One watch feeds them all.
#[derive(Debug, Default)]
pub struct Waiters {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<String, Waiter>,
    /// While the watch starts over: the names that it has listed so far.
    listed: Option<HashSet<String>>,
    /// Whether the watch has listed everything, and nothing has broken since.
    synced: bool,
}

#[derive(Debug)]
struct Waiter {
    tell: oneshot::Sender<Ended>,
    /// Whether a list that starts now would have to hold the `CodeRun`.
    created: bool,
    /// The same for the list that is being read.
    due: bool,
}

/// A place in the registry; it is given up when it is dropped.
#[derive(Debug)]
pub struct Waiting<'a> {
    waiters: &'a Waiters,
    name: String,
    told: oneshot::Receiver<Ended>,
}

impl Waiters {
    /// Waits for a `CodeRun`. This comes before its creation, or its end could be missed.
    pub fn register(&self, name: &str) -> Waiting<'_> {
        let (tell, told) = oneshot::channel();
        let waiter = Waiter { tell, created: false, due: false };
        self.lock().waiting.insert(name.to_owned(), waiter);
        Waiting { waiters: self, name: name.to_owned(), told }
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
    pub fn observe(&self, event: Event<CodeRun>) {
        let mut state = self.lock();
        match event {
            Event::Init => {
                state.listed = Some(HashSet::new());
                state.waiting.values_mut().for_each(|waiter| waiter.due = waiter.created);
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
                let gone = state.waiting.extract_if(|name, waiter| waiter.due && !listed.contains(name));
                gone.for_each(|(_, waiter)| drop(waiter.tell.send(None)));
                state.synced = true;
            }
            Event::Apply(run) => state.seen(run),
            Event::Delete(run) => {
                if let Some(waiter) = state.waiting.remove(&run.name_any()) {
                    let _ = waiter.tell.send(ended(run));
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn seen(&mut self, run: CodeRun) {
        let name = run.name_any();
        if let Some(status) = ended(run)
            && let Some(waiter) = self.waiting.remove(&name)
        {
            let _ = waiter.tell.send(Some(status));
        }
    }
}

fn ended(run: CodeRun) -> Ended {
    run.status.filter(|status| status.outcome.is_some()).map(Box::new)
}

impl Waiting<'_> {
    /// The `CodeRun` exists now.
    pub fn created(&self) {
        if let Some(waiter) = self.waiters.lock().waiting.get_mut(&self.name) {
            waiter.created = true;
        }
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.told).await.unwrap_or(None)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waiters.lock().waiting.remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use kube::runtime::watcher::Event;
    use locus_api::{CodeRun, CodeRunSpec, CodeRunStatus};

    use super::{Ended, Waiters};

    fn run(name: &str, outcome: Option<&str>) -> CodeRun {
        let mut run = CodeRun::new(name, CodeRunSpec::default());
        run.status = Some(CodeRunStatus { outcome: outcome.map(Into::into), ..CodeRunStatus::default() });
        run
    }

    fn outcome(ended: Ended) -> Option<String> {
        ended.and_then(|status| status.outcome)
    }

    #[test]
    fn only_the_end_of_its_own_run_wakes_a_waiter() {
        let waiters = Waiters::default();
        let (mut one, mut other) = (waiters.register("a"), waiters.register("b"));
        waiters.observe(Event::Apply(run("a", None)));
        assert!(one.ended().now_or_never().is_none());
        waiters.observe(Event::Apply(run("a", Some("Completed"))));
        assert_eq!(one.ended().now_or_never().and_then(outcome).as_deref(), Some("Completed"));
        assert!(other.ended().now_or_never().is_none());
    }

    #[test]
    fn an_end_that_is_seen_while_the_watch_starts_over_counts() {
        let waiters = Waiters::default();
        let mut waiting = waiters.register("a");
        waiting.created();
        for event in [Event::Init, Event::InitApply(run("a", Some("TimedOut"))), Event::InitDone] {
            waiters.observe(event);
        }
        assert_eq!(waiting.ended().now_or_never().and_then(outcome).as_deref(), Some("TimedOut"));
        assert!(waiters.is_synced());
    }

    #[test]
    fn a_run_that_was_deleted_while_nobody_watched_is_told_as_gone() {
        let waiters = Waiters::default();
        let mut before = waiters.register("before");
        before.created();
        let mut unborn = waiters.register("unborn");
        waiters.observe(Event::Init);
        let mut during = waiters.register("during");
        during.created();
        waiters.observe(Event::InitDone);
        assert_eq!(before.ended().now_or_never(), Some(None));
        assert!(unborn.ended().now_or_never().is_none(), "it may not have been created yet");
        assert!(during.ended().now_or_never().is_none(), "it may be younger than the list");
    }

    #[test]
    fn a_deletion_tells_the_end_that_it_carries() {
        let waiters = Waiters::default();
        let (mut done, mut gone) = (waiters.register("done"), waiters.register("gone"));
        waiters.observe(Event::Delete(run("done", Some("Completed"))));
        waiters.observe(Event::Delete(run("gone", None)));
        assert_eq!(done.ended().now_or_never().and_then(outcome).as_deref(), Some("Completed"));
        assert_eq!(gone.ended().now_or_never(), Some(None));
    }

    #[test]
    fn one_that_no_longer_waits_leaves_nothing_behind() {
        let waiters = Waiters::default();
        drop(waiters.register("a"));
        assert!(waiters.lock().waiting.is_empty());
    }
}
