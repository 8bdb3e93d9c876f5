//! How a run ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The typed verdict of a run. It is the reason of the `Succeeded` condition, the reason of the
/// run's Event and the value of the outcome label in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// The program exited with status 0.
    Completed,
    /// The program exited with a status other than 0.
    NonZeroExit,
    /// The program was ended by a signal that Locus did not send.
    Signaled,
    /// The wall-clock or cpu-time limit was reached.
    TimedOut,
    /// The memory limit was reached.
    OutOfMemory,
    /// A stream grew past the output limit.
    OutputLimitExceeded,
    /// The compile step failed.
    CompileFailed,
    /// All test cases were run, and not all of them passed.
    TestsFailed,
    /// Someone asked for the run to stop.
    Cancelled,
    /// No language of that name is known.
    UnknownLanguage,
    /// The request can't be run as it stands.
    InvalidRequest,
    /// The runner image can't be pulled.
    ImagePullFailed,
    /// The cluster refused the pod, or no node took it in time.
    PodRejected,
    /// The pod was evicted or preempted.
    PodEvicted,
    /// The runner or its container failed.
    RunnerFailed,
    /// The node that ran the pod is gone.
    NodeLost,
}

impl Outcome {
    /// Every outcome, in the order of the design.
    pub const ALL: [Self; 16] = [
        Self::Completed,
        Self::NonZeroExit,
        Self::Signaled,
        Self::TimedOut,
        Self::OutOfMemory,
        Self::OutputLimitExceeded,
        Self::CompileFailed,
        Self::TestsFailed,
        Self::Cancelled,
        Self::UnknownLanguage,
        Self::InvalidRequest,
        Self::ImagePullFailed,
        Self::PodRejected,
        Self::PodEvicted,
        Self::RunnerFailed,
        Self::NodeLost,
    ];

    /// The outcome's name, as in conditions, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::NonZeroExit => "NonZeroExit",
            Self::Signaled => "Signaled",
            Self::TimedOut => "TimedOut",
            Self::OutOfMemory => "OutOfMemory",
            Self::OutputLimitExceeded => "OutputLimitExceeded",
            Self::CompileFailed => "CompileFailed",
            Self::TestsFailed => "TestsFailed",
            Self::Cancelled => "Cancelled",
            Self::UnknownLanguage => "UnknownLanguage",
            Self::InvalidRequest => "InvalidRequest",
            Self::ImagePullFailed => "ImagePullFailed",
            Self::PodRejected => "PodRejected",
            Self::PodEvicted => "PodEvicted",
            Self::RunnerFailed => "RunnerFailed",
            Self::NodeLost => "NodeLost",
        }
    }

    /// The outcome of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }

    /// Whether the program ran to its end and exited with 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Completed)
    }

    /// Whether the platform, rather than the user's program, is the cause.
    #[must_use]
    pub const fn is_platform_failure(self) -> bool {
        matches!(
            self,
            Self::ImagePullFailed | Self::PodRejected | Self::PodEvicted | Self::RunnerFailed | Self::NodeLost
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn the_wire_form_is_the_name() {
        for outcome in Outcome::ALL {
            let json = serde_json::to_string(&outcome).expect("an outcome serializes");
            assert_eq!(json, format!("\"{outcome}\""));
        }
    }
}
