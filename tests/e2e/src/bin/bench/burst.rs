//! Many runs at once.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use futures::StreamExt as _;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, ResourceExt as _};
use locus_api::{CodeRun, Phase};
use locus_e2e::Scenario;
use locus_e2e::pods::run_pods;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::quiet::{is_cold, settled};
use crate::table::{Table, Times, number};
use crate::watch::{History, Watch};

/// Creates many runs at once and waits for the last
#[derive(Args)]
pub struct Flags {
    /// Runs, all namespaces together
    #[arg(long, default_value_t = 100)]
    runs: usize,
    /// Namespaces that they come from
    #[arg(long, default_value_t = 1)]
    namespaces: usize,
    /// The program, in Python
    #[arg(long, default_value = "print('hello')")]
    code: String,
}

pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let mut places = Vec::new();
    for _ in 0..flags.namespaces.clamp(1, flags.runs.max(1)) {
        let scenario = Scenario::new("bench-burst").await;
        places.push((Watch::of(&scenario).await?, scenario));
    }
    let client = &places[0].1.client;
    let spec = json!({"language": "python", "code": flags.code});
    // The first run fills caches.
    places[0].0.run(&places[0].1, "first", spec.clone()).await?;
    settled(client).await?;
    let pods = PodCount::of(client);
    let began = Instant::now();
    let runs = (0..flags.runs).map(|index| {
        let (watch, scenario) = &places[index % places.len()];
        let (name, spec) = (format!("run-{index}"), spec.clone());
        async move { watch.run(scenario, &name, spec).await }
    });
    let histories: Vec<History<CodeRun>> = join_all(runs).await.into_iter().collect::<Result<_, _>>()?;
    let elapsed = began.elapsed();
    print(flags.runs, places.len(), &histories, elapsed, pods.most());
    Ok(())
}

fn print(runs: usize, namespaces: usize, histories: &[History<CodeRun>], elapsed: Duration, pods: usize) {
    let mut table = Table::new([&format!("{runs} runs at once from {namespaces} namespaces"), ""]);
    let mut row = |name: &str, value: String| table.row(name, [value]);
    row("until the last has ended, s", number(elapsed.as_secs_f64(), 2));
    #[allow(clippy::cast_precision_loss, reason = "runs are few")]
    row("runs per second", number(runs as f64 / elapsed.as_secs_f64(), 2));
    let cold = histories.iter().filter(|history| is_cold(history.end().1)).count();
    row("runs that took a waiting pod", (histories.len() - cold).to_string());
    row("runs with a pod of their own", cold.to_string());
    row("most run pods at one time", pods.to_string());
    let mut outcomes = BTreeMap::<&str, usize>::new();
    for history in histories {
        let outcome = history.end().1.status.as_ref().and_then(|status| status.outcome.as_deref());
        *outcomes.entry(outcome.unwrap_or_default()).or_default() += 1;
    }
    for (outcome, count) in outcomes {
        row(&format!("outcome {outcome}"), count.to_string());
    }
    println!("{table}");
    let started = |run: &CodeRun| run.status.as_ref().is_some_and(|status| status.phase != Some(Phase::Pending));
    let start: Times = histories.iter().filter_map(|history| history.when(started)).collect();
    let end: Times = histories.iter().map(|history| history.end().0).collect();
    let mut table = Table::new(["a run's wait from its creation, ms", "p50", "p99"]);
    table.row("until it has a pod", start.cells());
    table.row("until its result", end.cells());
    print!("{table}");
}

/// Counts the run pods that have not ended, those that wait included.
struct PodCount {
    most: Arc<Mutex<usize>>,
    watch: JoinHandle<()>,
}

impl PodCount {
    fn of(client: &Client) -> Self {
        let most = Arc::<Mutex<usize>>::default();
        let events = watcher(run_pods(client), Config::default()).default_backoff();
        let count = most.clone();
        let watch = tokio::spawn(async move {
            let (mut events, mut live) = (pin!(events), BTreeSet::new());
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Apply(pod) | Event::InitApply(pod)) if !has_ended(&pod) => drop(live.insert(pod.uid())),
                    Ok(Event::Apply(pod) | Event::InitApply(pod) | Event::Delete(pod)) => drop(live.remove(&pod.uid())),
                    Ok(Event::Init) => live.clear(),
                    _ => {}
                }
                let mut most = count.lock().unwrap_or_else(PoisonError::into_inner);
                *most = live.len().max(*most);
            }
        });
        Self { most, watch }
    }

    fn most(&self) -> usize {
        *self.most.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PodCount {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.is_some_and(|phase| phase == "Succeeded" || phase == "Failed")
}
