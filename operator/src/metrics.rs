//! What the operator counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The operator's metrics.
pub struct Metrics {
    registry: Registry,
    writes: Family<Write, Counter>,
    runs: Family<Ended, Counter>,
    durations: Histogram,
    stages: Family<Staged, Histogram, fn() -> Histogram>,
    failures: Family<Failed, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Write {
    resource: &'static str,
    verb: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Staged {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    reason: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("locus_operator");
        let metrics = (Family::default(), Family::default(), Family::default());
        let durations = Histogram::new(exponential_buckets(0.004, 2.0, 17));
        let of_stage: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_5, 2.0, 20));
        let stages = Family::new_with_constructor(of_stage);
        let (writes, runs, failures): (Family<Write, Counter>, Family<Ended, Counter>, Family<Failed, Counter>) =
            metrics;
        registry.register("api_writes", "Writes to the API server, Leases aside", writes.clone());
        registry.register("runs", "CodeRuns that have ended", runs.clone());
        registry.register("run_duration_seconds", "Time from a CodeRun's first sight to its result", durations.clone());
        let help = "Where that time goes: waiting for a pod, the pod, the claim, the run, writing the result";
        registry.register("run_stage_duration_seconds", help, stages.clone());
        registry.register("reconcile_errors", "Steps that failed and are tried again", failures.clone());
        Self { registry, writes, runs, durations, stages, failures }
    }
}

impl Metrics {
    /// A write to the API server.
    pub fn write(&self, resource: &'static str, verb: &'static str) {
        self.writes.get_or_create(&Write { resource, verb }).inc();
    }

    /// A run has its result.
    pub fn run_ended(&self, outcome: &'static str, seconds: f64) {
        self.runs.get_or_create(&Ended { outcome }).inc();
        self.durations.observe(seconds);
    }

    /// A run has taken this time for a stage.
    pub fn stage(&self, stage: &'static str, time: Duration) {
        self.stages.get_or_create(&Staged { stage }).observe(time.as_secs_f64());
    }

    /// A step failed.
    pub fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&Failed { reason }).inc();
    }

    /// The metrics in `OpenMetrics` text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
