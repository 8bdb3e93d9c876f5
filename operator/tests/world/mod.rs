//! A cluster in memory that runs the real operator: an API server, kubelets, runners, users, and whatever goes
//! wrong between them. All of it is one thread whose clock jumps ahead when nobody has anything to do.

mod api_server;
mod connection;
mod dice;
mod faults;
mod kubelet;
mod merge;
mod operator;
mod outsiders;
mod program;
mod runner;
mod selector;
mod shared;
mod store;
mod trace;
mod verdict;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use locus_operator::config::Config;
use locus_operator::reconcile::Clock;
use tokio::time::{Instant, sleep};

use self::dice::Dice;
use self::faults::Odds;
use self::outsiders::wishes;
use self::runner::Runners;
use self::selector::Selector;
use self::store::{Key, Object, Store};
use self::trace::Trace;

pub use self::faults::Schedule;
pub use self::verdict::check;

/// The time in which all has to be finished.
const BOUND: Duration = Duration::from_secs(1800);

/// The time that a world is left alone after the end, to see whether anything still changes.
const QUIET: Duration = Duration::from_secs(120);

/// A cluster and all that is known of it.
pub struct World {
    pub schedule: Schedule,
    pub config: Config,
    pub clock: Clock,
    pub store: Store,
    runners: Runners,
    dice: Dice,
    start: Instant,
    calm: Odds,
    records: Mutex<Records>,
    trace: Arc<Trace>,
}

/// What happened, for the verdict.
#[derive(Default)]
pub struct Records {
    /// Every start of a run by a runner: the run and the pod.
    pub starts: Vec<(String, String)>,
    /// What was done to pods by others than the operator, by UID.
    pub harms: BTreeMap<String, Vec<&'static str>>,
    /// What must never happen and did.
    pub violations: Vec<String>,
    addresses: u32,
}

impl World {
    /// Runs the CodeRuns of a seed through a schedule; gives the world after its end.
    pub fn run(seed: u64, schedule: Schedule, traced: bool) -> Arc<Self> {
        // What kube's retries take their chance from.
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let world = Arc::new(Self::new(seed, schedule, traced));
            world.clone().live(seed).await;
            world
        })
    }

    fn new(seed: u64, schedule: Schedule, traced: bool) -> Self {
        let start = Instant::now();
        let clock: Clock = Arc::new(move || {
            let began: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
            began + SignedDuration::try_from(start.elapsed()).expect("a short time")
        });
        let trace = Arc::new(Trace::new(traced));
        let mut config = Config::default();
        config.retention.ttl_seconds = 86_400;
        // Those that the users of a world write programs in: each further one is a write more, with its faults.
        config.images.retain(|name, _| ["python", "javascript"].contains(&name.as_str()));
        Self {
            schedule,
            config,
            store: Store::new(clock.clone(), trace.clone()),
            clock,
            runners: Runners::default(),
            dice: Dice::new(seed),
            start,
            calm: Odds::default(),
            records: Mutex::default(),
            trace,
        }
    }

    async fn live(self: Arc<Self>, seed: u64) {
        let wishes = wishes(seed);
        tokio::spawn(kubelet::run(self.clone()));
        if self.schedule.pool > 0 {
            outsiders::make_pool(&self);
        }
        if self.schedule.language {
            tokio::spawn(outsiders::apply_language(self.clone()));
        }
        for number in 0..self.schedule.operators {
            tokio::spawn(operator::keep_running(self.clone(), number));
        }
        for wish in wishes.clone() {
            tokio::spawn(outsiders::make(self.clone(), wish));
        }
        tokio::spawn(outsiders::meddle(self.clone(), wishes));
        sleep(self.schedule.end.max(Duration::from_secs(60))).await;
        while !self.is_finished() && self.start.elapsed() < BOUND {
            sleep(Duration::from_secs(5)).await;
        }
        sleep(QUIET).await;
        self.note(|| "the end".into());
    }

    /// Whether every CodeRun has its outcome, the language that a user applied has its verdict, and no pod is left.
    fn is_finished(&self) -> bool {
        let everything = Selector::default();
        let runs = self.store.list("coderuns", None, &everything).0;
        self.left_over().is_empty()
            && (!self.schedule.language
                || self.stands(outsiders::LANGUAGE).is_some_and(|(status, _)| status != "Unknown"))
            && runs.iter().all(|run| !run["status"]["outcome"].is_null())
    }

    /// What the condition Ready of a language says.
    fn stands(&self, language: &str) -> Option<(String, String)> {
        let language = self.store.get(&Key::new("languages", "", language)).ok()?;
        let condition = &language["status"]["conditions"][0];
        let text = |field: &str| condition[field].as_str().map(str::to_owned);
        Some((text("status")?, text("reason")?))
    }

    /// Pods that are there and should not be once all runs have ended: all but those that wait. One that lost its labels is
    /// nobody's: it ends by its own deadline.
    fn left_over(&self) -> Vec<String> {
        let pods = self.store.list("pods", None, &Selector::new("app.kubernetes.io/managed-by!=meddler")).0;
        let of_pool = |pod: &Object| !pod["metadata"]["labels"]["locus.dev/pool"].is_null();
        let (waiting, others): (Vec<_>, Vec<_>) = pods.into_iter().partition(of_pool);
        let mut left: Vec<String> = others.iter().map(|pod| pod["metadata"]["uid"].to_string()).collect();
        let used = |pod: &Object| self.runners.has_run(pod["status"]["podIP"].as_str().unwrap_or_default());
        left.extend(waiting.iter().filter(|pod| used(pod)).map(|pod| pod["metadata"]["uid"].to_string()));
        if waiting.len() != self.schedule.pool {
            left.push(format!("{} waiting pods in place of {}", waiting.len(), self.schedule.pool));
        }
        left
    }

    /// What may go wrong now.
    fn odds(&self) -> &Odds {
        if self.start.elapsed() < self.schedule.end { &self.schedule.odds } else { &self.calm }
    }

    fn started(&self, run_uid: &str, pod_uid: &str) {
        self.note(|| format!("pod {pod_uid} starts {run_uid}"));
        self.write(|records| records.starts.push((run_uid.into(), pod_uid.into())));
    }

    fn harm(&self, pod_uid: &str, what: &'static str) {
        self.note(|| format!("pod {pod_uid}: {what}"));
        self.write(|records| records.harms.entry(pod_uid.into()).or_default().push(what));
    }

    fn violated(&self, what: String) {
        self.note(|| format!("violated: {what}"));
        self.write(|records| records.violations.push(what));
    }

    fn next_address(&self) -> String {
        self.write(|records| {
            records.addresses += 1;
            std::net::Ipv4Addr::from(0x0a00_0000 + records.addresses).to_string()
        })
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.trace.note(what);
    }

    /// What happened, when that was asked for.
    pub fn trace(&self) -> Vec<String> {
        self.trace.lines()
    }

    fn write<T>(&self, write: impl FnOnce(&mut Records) -> T) -> T {
        write(&mut self.records.lock().expect("not poisoned"))
    }
}
