//! When a run came to what, for the log and the metrics: where its time goes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::links::lock;

/// How far a run has come, in the order of the answer path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The operator has seen it.
    Seen,
    /// It was given a pod, or the right to have one made.
    Placed,
    /// Its pod's runner has answered.
    Connected,
    /// Its claim stands.
    Claimed,
    /// Its program has ended.
    Ended,
    /// Its result stands.
    Written,
}

impl Stage {
    /// What the time before it went into, for metrics.
    #[must_use]
    pub const fn before(self) -> &'static str {
        match self {
            Self::Seen => "none",
            Self::Placed => "queue",
            Self::Connected => "pod",
            Self::Claimed => "claim",
            Self::Ended => "run",
            Self::Written => "result",
        }
    }
}

/// The times of all runs that go on.
#[derive(Default)]
pub struct Timelines(Mutex<HashMap<String, Vec<(Stage, Instant)>>>);

impl Timelines {
    /// A run has come to a stage; the first time counts.
    pub fn mark(&self, run_uid: &str, stage: Stage) {
        let mut lines = lock(&self.0);
        let line = lines.entry(run_uid.to_owned()).or_default();
        if !line.iter().any(|(known, _)| *known == stage) {
            line.push((stage, Instant::now()));
        }
    }

    /// The UIDs of all runs that go on.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }

    /// The times between a run's stages, which are forgotten.
    #[must_use]
    pub fn take(&self, run_uid: &str) -> Vec<(Stage, Duration)> {
        let line = lock(&self.0).remove(run_uid).unwrap_or_default();
        line.windows(2).map(|pair| (pair[1].0, pair[1].1 - pair[0].1)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Stage, Timelines};

    #[tokio::test(start_paused = true)]
    async fn the_first_time_of_each_stage_counts() {
        let lines = Timelines::default();
        for (stage, wait) in [(Stage::Seen, 3), (Stage::Seen, 2), (Stage::Claimed, 4), (Stage::Ended, 0)] {
            lines.mark("u", stage);
            tokio::time::advance(Duration::from_millis(wait)).await;
        }
        let times = [(Stage::Claimed, Duration::from_millis(5)), (Stage::Ended, Duration::from_millis(4))];
        assert_eq!(lines.take("u"), times);
        assert_eq!(lines.take("u"), []);
    }
}
