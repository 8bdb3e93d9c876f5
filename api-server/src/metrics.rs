//! What the front door counts.

use std::sync::Arc;
use std::time::Instant;

use locus_core::Outcome;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The front door's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    runs: Family<Ended, Counter>,
    durations: Histogram,
    in_flight: Gauge,
    callbacks: Family<Called, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    language: &'static str,
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("locus_api_server");
        let runs = Family::<Ended, Counter>::default();
        let durations = Histogram::new(exponential_buckets(0.005, 2.0, 16));
        let in_flight = Gauge::default();
        registry.register("runs", "Runs that were asked for and how they ended", runs.clone());
        registry.register("run_duration_seconds", "Time from request to answer of a run", durations.clone());
        registry.register("requests_in_flight", "HTTP requests without an answer yet", in_flight.clone());
        let callbacks = Family::<Called, Counter>::default();
        registry.register("callbacks", "URLs that were to be told of a run, by what came of it", callbacks.clone());
        Self { registry, runs, durations, in_flight, callbacks }
    }
}

impl Metrics {
    /// Counts a request until the guard is dropped.
    #[must_use]
    pub fn request(&self) -> impl Drop + Send + 'static {
        let in_flight = self.in_flight.clone();
        in_flight.inc();
        InFlight(in_flight)
    }

    /// Counts a run, once it ends; a run whose guard is dropped before that was cancelled.
    #[must_use]
    pub fn run(self: &Arc<Self>, selector: &str) -> RunTimer {
        let (metrics, language) = (Some(self.clone()), language_label(selector));
        RunTimer { metrics, language, began: Instant::now(), outcome: Outcome::Cancelled.as_str() }
    }

    /// Counts a callback by what came of it.
    pub fn callback(&self, outcome: &'static str) {
        self.callbacks.get_or_create(&Called { outcome }).inc();
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

struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A run that is being counted.
#[derive(Debug)]
pub struct RunTimer {
    metrics: Option<Arc<Metrics>>,
    language: &'static str,
    began: Instant,
    outcome: &'static str,
}

impl RunTimer {
    /// Ends the run with an outcome or the reason of an error.
    pub fn ended(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }

    /// Counts nothing: it is a run that is counted already.
    pub fn forget(mut self) {
        self.metrics = None;
    }
}

impl Drop for RunTimer {
    fn drop(&mut self) {
        let Some(metrics) = &self.metrics else { return };
        let (language, outcome, duration) = (self.language, self.outcome, self.began.elapsed());
        metrics.runs.get_or_create(&Ended { language, outcome }).inc();
        metrics.durations.observe(duration.as_secs_f64());
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(run.language = language, run.outcome = outcome, duration_ms, "run ended");
    }
}

/// The id of the language that a selector means, of those that come with Locus, so that labels stay few whatever clients
/// write and whichever languages a cluster has.
fn language_label(selector: &str) -> &'static str {
    let name = selector.split_once('@').map_or(selector, |(name, _)| name);
    locus_languages::find(locus_languages::all(), name).map_or("other", |language| language.id.as_str())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Metrics;

    #[test]
    fn a_run_is_counted_under_its_language_and_outcome() {
        let metrics = Arc::new(Metrics::default());
        metrics.run("py@3.11").ended("Completed");
        metrics.run("<script>").ended("UnknownLanguage");
        drop(metrics.run("python"));
        let text = metrics.text();
        for line in [
            "locus_api_server_runs_total{language=\"python\",outcome=\"Completed\"} 1",
            "locus_api_server_runs_total{language=\"other\",outcome=\"UnknownLanguage\"} 1",
            "locus_api_server_runs_total{language=\"python\",outcome=\"Cancelled\"} 1",
            "locus_api_server_run_duration_seconds_count 3",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
