//! Where runs ask for a pod. It remembers who waits, who has what, and whose turn it was; [`crate::share`] decides.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};
use locus_api::{CodeRun, labels};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::links::lock;
use crate::pod;
use crate::pod_view::Address;
use crate::share::{Concurrency, Hold, InUse, Need, PoolOffer, Share, Shares, Tenant, Turns, Waiting, share};
use crate::standby::Standbys;

/// A pod that was taken is replaced when its run has its answer, and at the latest after this time.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// A pod that takes longer to start than this is slow for a reason of its own.
const STARTING_TIME: Duration = Duration::from_secs(20);

/// What a run has been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing yet, and why.
    Queued(String),
    /// A pod that waited.
    Warm(Address),
    /// The right to have a pod of its own made.
    Cold {
        /// Since when.
        since: Timestamp,
    },
}

/// A run with a pod, or with the right to have one made.
struct Holding {
    run: ObjectRef<CodeRun>,
    tenant: Tenant,
    pool: Option<String>,
    place: Place,
    claimed: bool,
    since: Instant,
}

struct Asking {
    run: ObjectRef<CodeRun>,
    waiting: Waiting,
    hold: Option<Hold>,
}

#[derive(Default)]
struct State {
    open: bool,
    asking: HashMap<String, Asking>,
    holding: HashMap<String, Holding>,
    turns: Turns,
    turn: u64,
    pools: Vec<PoolOffer>,
    starting: usize,
}

/// The desk. Nothing is given out before it is open.
pub struct Desk {
    state: Mutex<State>,
    standbys: Arc<Standbys>,
    most: Concurrency,
    wake: UnboundedSender<ObjectRef<CodeRun>>,
    changed: Arc<Notify>,
}

impl Desk {
    /// A desk that is closed. It wakes runs that got something, and tells `changed` when pods were taken or given back.
    #[must_use]
    pub fn new(
        standbys: Arc<Standbys>,
        most: Concurrency,
        wake: UnboundedSender<ObjectRef<CodeRun>>,
        changed: Arc<Notify>,
    ) -> Self {
        Self { state: Mutex::default(), standbys, most, wake, changed }
    }

    /// Opens it, once all CodeRuns and pods are known: of these runs, those that have a pod keep it.
    pub fn open<R: AsRef<CodeRun>>(&self, unfinished: &[R]) {
        for run in unfinished.iter().map(AsRef::as_ref) {
            if let Some(address) = claim_of(run) {
                self.note_claim(run, address);
            }
        }
        lock(&self.state).open = true;
        // Whoever looks at the pools gives out what there is: before that it is not known.
        self.changed.notify_one();
    }

    /// What a run has.
    #[must_use]
    pub fn place(&self, run_uid: &str) -> Option<Place> {
        let state = lock(&self.state);
        if let Some(holding) = state.holding.get(run_uid) {
            return Some(holding.place.clone());
        }
        let asking = state.asking.get(run_uid)?;
        let why = asking.hold.map_or_else(|| "the operator has just started".to_owned(), |hold| hold.to_string());
        Some(Place::Queued(why))
    }

    /// A run asks for a pod. Asking again changes nothing.
    pub fn ask(&self, run: &CodeRun, need: Need, now: Timestamp) {
        let uid = run.uid().unwrap_or_default();
        {
            let mut state = lock(&self.state);
            if state.holding.contains_key(&uid) || state.asking.contains_key(&uid) {
                return;
            }
            let created = run.creation_timestamp().map_or(now, |time| time.0);
            let waiting = Waiting { run: uid.clone(), tenant: tenant(run), created, need };
            state.asking.insert(uid, Asking { run: ObjectRef::from_obj(run), waiting, hold: None });
        }
        self.turn(now);
    }

    /// Gives out what there is.
    pub fn turn(&self, now: Timestamp) {
        let mut state = lock(&self.state);
        if !state.open || state.asking.is_empty() {
            return;
        }
        let waiting: Vec<&Waiting> = state.asking.values().map(|asking| &asking.waiting).collect();
        let free = |pool: &PoolOffer| PoolOffer { free: self.standbys.free(&pool.name), ..pool.clone() };
        let pools: Vec<PoolOffer> = state.pools.iter().map(free).collect();
        let Shares { given, mut held } = share(&waiting, &pools, &state.in_use(), &state.turns, &self.most);
        let given: Vec<(String, Share)> =
            given.into_iter().map(|(index, got)| (waiting[index].run.clone(), got)).collect();
        held.sort_unstable_by_key(|(index, _)| *index);
        let mut held = held.into_iter().peekable();
        for (index, asking) in state.asking.values_mut().enumerate() {
            if let Some((_, hold)) = held.next_if(|(held, _)| *held == index) {
                asking.hold = Some(hold);
            }
        }
        for (run, got) in given {
            let (place, pool) = match got {
                Share::Cold { pool } => (Place::Cold { since: now }, pool),
                // It may have broken down since it was counted; then the run keeps its place in the queue.
                Share::Warm { pod, pool } => match self.standbys.take(&pod) {
                    Some(address) => (Place::Warm(address), Some(pool)),
                    None => continue,
                },
            };
            let Some(asking) = state.asking.remove(&run) else { continue };
            let tenant = asking.waiting.tenant;
            state.turn += 1;
            let turn = state.turn;
            state.turns.insert(tenant.clone(), turn);
            let _ = self.wake.unbounded_send(asking.run.clone());
            let (claimed, since) = (false, Instant::now());
            state.holding.insert(run, Holding { run: asking.run, tenant, pool, place, claimed, since });
        }
    }

    /// A run has its own pod already: an earlier operator made it.
    pub fn note_cold(&self, run: &CodeRun, now: Timestamp) {
        self.note(run, Place::Cold { since: now }, false);
    }

    /// A run has claimed a pod, whoever wrote it. Another pod that it was given here goes back.
    pub fn note_claim(&self, run: &CodeRun, address: Address) {
        self.standbys.mark_taken(&address.pod_uid);
        self.note(run, Place::Warm(address), true);
    }

    fn note(&self, run: &CodeRun, place: Place, claimed: bool) {
        let uid = run.uid().unwrap_or_default();
        let mut state = lock(&self.state);
        state.asking.remove(&uid);
        match state.holding.entry(uid.clone()) {
            Entry::Vacant(entry) => {
                let (run, tenant, since) = (ObjectRef::from_obj(run), tenant(run), Instant::now());
                entry.insert(Holding { run, tenant, pool: None, place, claimed, since });
            }
            Entry::Occupied(mut entry) if claimed => {
                let holding = entry.get_mut();
                holding.claimed = true;
                match (&holding.place, &place) {
                    (Place::Warm(given), Place::Warm(claimed)) if given.pod_uid != claimed.pod_uid => {
                        self.standbys.release(&given.pod_uid);
                        holding.place = place;
                    }
                    (Place::Cold { .. }, Place::Warm(claimed)) if claimed.pod_name != pod::name(&uid) => {
                        holding.place = place;
                    }
                    _ => {}
                }
            }
            Entry::Occupied(_) => {}
        }
    }

    /// A run has ended, or is gone, or has to ask again. A pod that it took and was not sent to goes back.
    pub fn leave(&self, run_uid: &str, now: Timestamp) {
        let left = {
            let mut state = lock(&self.state);
            let asked = state.asking.remove(run_uid).is_some();
            let held = state.holding.remove(run_uid);
            if state.asking.is_empty() && state.holding.is_empty() {
                // With nobody there, nobody need remember whose turn it was.
                state.turns.clear();
            }
            (asked || held.is_some()).then_some(held)
        };
        let Some(left) = left else { return };
        if let Some(Holding { place: Place::Warm(address), claimed: false, .. }) = left {
            self.standbys.release(&address.pod_uid);
        }
        self.turn(now);
        self.changed.notify_one();
    }

    /// What pools there are, and how many pods of theirs are on their way.
    pub fn set_pools(&self, pools: Vec<PoolOffer>, starting: usize) {
        let mut state = lock(&self.state);
        state.pools = pools;
        state.starting = starting;
    }

    /// How many more pods may be on their way.
    #[must_use]
    pub fn room_to_start(&self) -> usize {
        let state = lock(&self.state);
        self.most.starting_pods.saturating_sub(state.in_use().starting)
    }

    /// Whether a run is about to have its answer.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        lock(&self.state).holding.values().any(|holding| holding.since.elapsed() < ANSWER_TIME)
    }

    /// The run that has this pod.
    #[must_use]
    pub fn run_with(&self, pod_uid: &str) -> Option<ObjectRef<CodeRun>> {
        let has = |holding: &&Holding| matches!(&holding.place, Place::Warm(address) if address.pod_uid == pod_uid);
        lock(&self.state).holding.values().find(has).map(|holding| holding.run.clone())
    }

    /// The UIDs of all runs that wait for a pod or have one.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        let state = lock(&self.state);
        state.asking.keys().chain(state.holding.keys()).cloned().collect()
    }
}

impl State {
    fn in_use(&self) -> InUse {
        let mut in_use = InUse { starting: self.starting, ..InUse::default() };
        for holding in self.holding.values() {
            *in_use.runs.entry(holding.tenant.clone()).or_default() += 1;
            if matches!(holding.place, Place::Cold { .. }) {
                if let Some(pool) = &holding.pool {
                    *in_use.cold.entry(pool.clone()).or_default() += 1;
                }
                // One that does not start, for want of a node or of its image, does not keep others from starting.
                in_use.starting += usize::from(!holding.claimed && holding.since.elapsed() < STARTING_TIME);
            }
        }
        in_use
    }
}

fn tenant(run: &CodeRun) -> Tenant {
    Tenant {
        namespace: run.namespace().unwrap_or_default(),
        client: run.labels().get(labels::CLIENT).cloned().unwrap_or_default(),
    }
}

/// The pod that a run's status names. Where it can be reached is the watch's to tell.
#[must_use]
pub fn claim_of(run: &CodeRun) -> Option<Address> {
    let status = run.status.as_ref()?;
    Some(Address {
        pod_name: status.pod_name.clone().unwrap_or_else(|| pod::name(run.meta().uid.as_deref().unwrap_or_default())),
        pod_uid: status.pod_uid.clone()?,
        ip: String::new(),
        public_keys: String::new(),
    })
}
