//! The time from an object's creation to what becomes of it, on a watch that was open before.

use std::collections::HashMap;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use kube::api::PostParams;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Resource, ResourceExt as _};
use locus_api::CodeRun;
use locus_e2e::Scenario;
use locus_e2e::cluster::BOUND;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One long-lived watch, as a client such as the front door has. Two objects that are followed have two names.
pub struct Watch<K> {
    api: Api<K>,
    followed: Followed<K>,
    task: JoinHandle<()>,
}

type Followed<K> = Arc<Mutex<HashMap<String, UnboundedSender<(Instant, K)>>>>;

/// What was seen of an object, each with the time since the call that created it began.
pub struct History<K> {
    answered: Duration,
    /// There is one state at least.
    states: Vec<(Duration, K)>,
}

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug + Send + 'static,
{
    /// Opens the watch.
    pub async fn open(api: Api<K>) -> anyhow::Result<Self> {
        let followed = Followed::<K>::default();
        let (opened, open) = oneshot::channel();
        let events = watch(api.clone(), watcher::Config::default()).default_backoff();
        let names = followed.clone();
        let task = tokio::spawn(async move {
            let (mut events, mut opened) = (pin!(events), Some(opened));
            while let Some(event) = events.next().await {
                let now = Instant::now();
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        let names = names.lock().unwrap_or_else(PoisonError::into_inner);
                        if let Some(follower) = names.get(&object.name_any()) {
                            let _ = follower.send((now, object));
                        }
                    }
                    Ok(Event::InitDone) => drop(opened.take().map(|opened| opened.send(()))),
                    Ok(_) => {}
                    Err(error) => eprintln!("the watch begins anew: {error}"),
                }
            }
        });
        timeout(BOUND, open).await.context("opening a watch")??;
        Ok(Self { api, followed, task })
    }

    /// Creates an object and follows it until `ended`.
    pub async fn follow(&self, object: &K, ended: impl Fn(&K) -> bool) -> anyhow::Result<History<K>> {
        let name = object.name_any();
        let (sender, mut states) = unbounded_channel();
        self.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), sender);
        let history = async {
            let began = Instant::now();
            self.api.create(&PostParams::default(), object).await.with_context(|| format!("creating {name}"))?;
            let answered = began.elapsed();
            let mut seen = Vec::new();
            while let Some((at, state)) = states.recv().await {
                let has_ended = ended(&state);
                seen.push((at.saturating_duration_since(began), state));
                if has_ended {
                    break;
                }
            }
            ensure!(seen.last().is_some_and(|(_, state)| ended(state)), "the watch ended before {name} did");
            Ok(History { answered, states: seen })
        };
        let history = timeout(BOUND, history).await.with_context(|| format!("the end of {name} did not come"));
        self.followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        history?
    }
}

impl Watch<CodeRun> {
    /// Watches the `CodeRuns` of a scenario.
    pub async fn of(scenario: &Scenario) -> anyhow::Result<Self> {
        Self::open(scenario.runs()).await
    }

    /// Creates a `CodeRun` and follows it until it has an outcome.
    pub async fn run(&self, scenario: &Scenario, name: &str, spec: Value) -> anyhow::Result<History<CodeRun>> {
        let run = serde_json::from_value(scenario.manifest(name, spec))?;
        self.follow(&run, |run| run.status.as_ref().is_some_and(|status| status.outcome.is_some())).await
    }
}

impl<K> Drop for Watch<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K> History<K> {
    /// When the call that created it had its answer.
    pub fn answered(&self) -> Duration {
        self.answered
    }

    /// When the creation itself was seen.
    pub fn seen(&self) -> Duration {
        self.states[0].0
    }

    /// When a state was seen first.
    pub fn when(&self, is: impl Fn(&K) -> bool) -> Option<Duration> {
        self.states.iter().find(|(_, state)| is(state)).map(|(at, _)| *at)
    }

    /// The end, and when it was seen.
    pub fn end(&self) -> (Duration, &K) {
        let (at, state) = &self.states[self.states.len() - 1];
        (*at, state)
    }
}
