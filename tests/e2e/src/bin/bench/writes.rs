//! What a run writes to the API server, by all who do: its creation, the operator, the scheduler, the kubelet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use clap::Args;
use http::Request;
use kube::Client;
use locus_e2e::Scenario;
use locus_e2e::metrics::operator_writes;
use serde_json::json;
use tokio::time::sleep;

use crate::quiet::{failure, is_cold, settled};
use crate::table::{Table, number};
use crate::watch::Watch;

/// Counts the writes to the API server per warm run, from its own metrics
///
/// The runs come one after the other, each once the pools are full again, so that the pod which takes the place of the run's is
/// counted with it. What is written in an equally long time without runs is subtracted, and Leases are left out. The
/// figures are those of one API server: a cluster with several shows too few.
#[derive(Args)]
pub struct Flags {
    /// Runs
    #[arg(long, default_value_t = 20)]
    runs: usize,
}

/// What comes late: Events, the last words of pods that are gone.
const LATE: Duration = Duration::from_secs(5);

/// How many writes there were, by verb and resource.
type Counts = BTreeMap<String, u64>;

pub async fn run(flags: &Flags) -> anyhow::Result<()> {
    let scenario = Scenario::new("bench-writes").await;
    let client = &scenario.client;
    let watch = Watch::of(&scenario).await?;
    let spec = json!({"language": "python", "code": "print('hello')"});
    // The first run fills caches.
    watch.run(&scenario, "first", spec.clone()).await?;
    let before = at_rest(client).await?;
    let began = Instant::now();
    let mut cold = 0;
    for index in 0..flags.runs {
        let history = watch.run(&scenario, &format!("run-{index}"), spec.clone()).await?;
        let (_, run) = history.end();
        cold += usize::from(is_cold(run));
        if let Some(failure) = failure(run) {
            eprintln!("run {index} did not complete: {failure}");
        }
        settled(client).await?;
        eprintln!("run {} of {}", index + 1, flags.runs);
    }
    let after = at_rest(client).await?;
    let elapsed = began.elapsed();
    eprintln!("now {} s without runs", elapsed.as_secs());
    sleep(elapsed).await;
    let idle = counts(client).await?;

    println!("writes per run, of {} runs of which {cold} found no waiting pod; idle ones subtracted", flags.runs);
    for (who, each) in [("API server", 0), ("the operator's share, as it counts itself", 1)] {
        let mut table = Table::new([who, "per run", "idle, per minute"]);
        let (mut total, mut background) = (0.0, 0.0);
        let minutes = elapsed.as_secs_f64() / 60.0;
        let names: BTreeSet<&String> = idle[each].keys().collect();
        for name in names {
            let growth = |from: &[Counts; 2], to: &[Counts; 2]| {
                let at = |counts: &[Counts; 2]| counts[each].get(name).copied().unwrap_or_default();
                float(at(to).saturating_sub(at(from)))
            };
            let unasked = growth(&after, &idle);
            let per_run = (growth(&before, &after) - unasked) / float(flags.runs.max(1) as u64);
            if per_run != 0.0 || unasked != 0.0 {
                table.row(name, [number(per_run, 2), number(unasked / minutes, 1)]);
            }
            (total, background) = (total + per_run, background + unasked / minutes);
        }
        table.row("all", [number(total, 2), number(background, 1)]);
        println!("{table}");
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts are far from 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The counts once nothing goes on.
async fn at_rest(client: &Client) -> anyhow::Result<[Counts; 2]> {
    settled(client).await?;
    sleep(LATE).await;
    counts(client).await
}

async fn counts(client: &Client) -> anyhow::Result<[Counts; 2]> {
    let text = client.request_text(Request::get("/metrics").body(Vec::new())?).await?;
    let mut counts = Counts::new();
    for (name, count) in text.lines().filter_map(counter) {
        *counts.entry(name).or_default() += count;
    }
    Ok([counts, operator_writes(client).await])
}

/// Reads a counter of writes, such as `apiserver_request_total{...,resource="pods",subresource="status",verb="PATCH"} 3`.
fn counter(line: &str) -> Option<(String, u64)> {
    let (labels, count) = line.strip_prefix("apiserver_request_total{")?.split_once("} ")?;
    let label = |name: &str| {
        let mut pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"')).unwrap_or_default()
    };
    let (verb, resource, subresource) = (label("verb"), label("resource"), label("subresource"));
    if !["POST", "PUT", "PATCH", "DELETE"].contains(&verb) || resource == "leases" {
        return None;
    }
    let slash = if subresource.is_empty() { "" } else { "/" };
    // Large counts are written as 1.234567e+06.
    let count: f64 = count.trim().parse().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter is a whole number")]
    Some((format!("{verb} {resource}{slash}{subresource}"), count as u64))
}

#[cfg(test)]
mod tests {
    use super::counter;

    fn line(labels: &str, count: &str) -> String {
        format!("apiserver_request_total{{code=\"200\",component=\"apiserver\",dry_run=\"\",{labels}}} {count}")
    }

    #[test]
    fn writes_are_counted_by_verb_and_resource() {
        let status = line(r#"resource="pods",scope="resource",subresource="status",verb="PATCH",version="v1""#, "3");
        assert_eq!(counter(&status), Some(("PATCH pods/status".into(), 3)));
        let create = line(r#"resource="coderuns",subresource="",verb="POST",version="v1alpha1""#, "1.5e+06");
        assert_eq!(counter(&create), Some(("POST coderuns".into(), 1_500_000)));
    }

    #[test]
    fn reads_and_leases_are_left_out() {
        assert_eq!(counter(&line(r#"resource="pods",subresource="",verb="LIST""#, "3")), None);
        assert_eq!(counter(&line(r#"resource="leases",subresource="",verb="PUT""#, "3")), None);
        assert_eq!(counter("# TYPE apiserver_request_total counter"), None);
    }
}
