//! How long a run takes from its creation to its result, beside a plain Job with the same image and program.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use locus_api::CodeRun;
use locus_core::Outcome;
use locus_e2e::Scenario;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Measures `CodeRuns` beside plain Jobs, in turns, so that both meet the same cluster.
#[derive(Parser)]
struct Flags {
    /// How many pairs to measure.
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// The image of the Jobs; it should be that of the language.
    #[arg(long, default_value = "locus/runner-python:dev")]
    image: String,
    /// The program.
    #[arg(long, default_value = "print('hello')")]
    code: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let scenario = Scenario::new("bench").await;
    let (mut runs, mut jobs) = (Vec::new(), Vec::new());
    // The first pair pulls images and fills caches: it does not count.
    for index in 0..=flags.runs {
        pause().await;
        let run = code_run(&scenario, index, &flags).await?;
        pause().await;
        let job = job(&scenario, index, &flags).await?;
        if index > 0 {
            eprintln!("{index:>3}  CodeRun {:>6} ms  Job {:>6} ms", run.as_millis(), job.as_millis());
            runs.push(run);
            jobs.push(job);
        }
    }
    println!("{} pairs, from creation to the result on a watch", flags.runs);
    println!("{:<9} {:>9} {:>9}", "", "p50 (ms)", "p99 (ms)");
    for (name, times) in [("CodeRun", &mut runs), ("Job", &mut jobs)] {
        times.sort_unstable();
        println!("{name:<9} {:>9} {:>9}", percentile(times, 50).as_millis(), percentile(times, 99).as_millis());
    }
    let ratio = |percent| percentile(&runs, percent).as_secs_f64() / percentile(&jobs, percent).as_secs_f64();
    println!("{:<9} {:>9.2} {:>9.2}", "ratio", ratio(50), ratio(99));
    Ok(())
}

/// The kubelet looks at its containers once a second, and a Job's end is told at such a look. Without a pause of random
/// length each creation would fall on the same moment between two looks.
async fn pause() {
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    tokio::time::sleep(Duration::from_millis(u64::from(random) * 4)).await;
}

async fn code_run(scenario: &Scenario, index: usize, flags: &Flags) -> anyhow::Result<Duration> {
    let spec = json!({"language": "python", "code": flags.code});
    let run = serde_json::from_value(scenario.manifest(&format!("run-{index}"), spec))?;
    measure(&scenario.runs(), &run, |run: &CodeRun| {
        let outcome = run.status.as_ref()?.outcome.as_deref()?;
        Some(outcome == Outcome::Completed.as_str())
    })
    .await
}

async fn job(scenario: &Scenario, index: usize, flags: &Flags) -> anyhow::Result<Duration> {
    let job = serde_json::from_value(json!({
        "metadata": {"name": format!("job-{index}")},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {
                "restartPolicy": "Never",
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "program",
                    "image": flags.image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python3", "-c", flags.code]
                }]
            }}
        }
    }))?;
    let jobs: Api<Job> = Api::namespaced(scenario.client.clone(), &scenario.namespace);
    measure(&jobs, &job, |job: &Job| {
        let conditions = job.status.as_ref()?.conditions.as_ref()?;
        let is = |kind: &str| conditions.iter().any(|condition| condition.type_ == kind && condition.status == "True");
        if is("Complete") { Some(true) } else { is("Failed").then_some(false) }
    })
    .await
}

/// The time from an object's creation to the event that shows its end; `end` tells whether that is a good one.
async fn measure<K>(api: &Api<K>, object: &K, end: impl Fn(&K) -> Option<bool>) -> anyhow::Result<Duration>
where
    K: kube::Resource + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let name = object.name_any();
    let began = Instant::now();
    let created = api.create(&PostParams::default(), object).await.with_context(|| format!("creating {name}"))?;
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    let mut events = api.watch(&params, &created.resource_version().unwrap_or_default()).await?.boxed();
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Added(object) | WatchEvent::Modified(object) = event {
            match end(&object) {
                Some(true) => return Ok(began.elapsed()),
                Some(false) => bail!("{name} fails: {object:?}"),
                None => {}
            }
        }
    }
    bail!("the watch of {name} ended before it did")
}

/// The nearest-rank percentile of sorted times.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&times[..15], 50), Duration::from_millis(8));
    }
}
