//! The bounds of one run.

use serde::{Deserialize, Serialize};

use crate::Seconds;

/// The limits in force for a run, after clamping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Wall-clock seconds, from start to end, per step.
    pub timeout_seconds: Seconds,
    /// Seconds of cpu time, all processes of the run together.
    pub cpu_seconds: Seconds,
    /// Bytes of memory, all processes of the run together.
    pub memory_bytes: u64,
    /// Bytes that each of stdout and stderr may hold.
    pub output_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Bytes of the largest file that the program may write.
    pub file_bytes: u64,
}

/// The limits that a request asks for; what is absent takes the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsRequest {
    /// Wall-clock seconds, from start to end, per step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<Seconds>,
    /// Seconds of cpu time, all processes of the run together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<Seconds>,
    /// Bytes of memory, all processes of the run together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Bytes that each of stdout and stderr may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// Processes and threads at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// Bytes of the largest file that the program may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
}

impl LimitsRequest {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    /// What a run gets when nobody says otherwise.
    pub const DEFAULT: Self = Self {
        timeout_seconds: Seconds::whole(30),
        cpu_seconds: Seconds::whole(30),
        memory_bytes: 256 << 20,
        output_bytes: 1 << 20,
        processes: 64,
        file_bytes: 16 << 20,
    };

    /// What a run gets at the most when nobody says otherwise.
    pub const MAXIMUM: Self = Self {
        timeout_seconds: Seconds::whole(300),
        cpu_seconds: Seconds::whole(300),
        memory_bytes: 2 << 30,
        output_bytes: 16 << 20,
        processes: 512,
        file_bytes: 256 << 20,
    };

    /// The least memory of a run: with less no interpreter starts, and no measure would tell whether it was kept.
    pub const MEMORY_BYTES_MIN: u64 = 16 << 20;

    /// The limits in force for a request: its own values, the defaults where it has none, at least
    /// [`Self::MEMORY_BYTES_MIN`], and nothing above the maxima. A default above its maximum is clamped too.
    #[must_use]
    pub fn clamp(request: LimitsRequest, default: Self, maximum: Self) -> Self {
        Self {
            timeout_seconds: request.timeout_seconds.unwrap_or(default.timeout_seconds).min(maximum.timeout_seconds),
            cpu_seconds: request.cpu_seconds.unwrap_or(default.cpu_seconds).min(maximum.cpu_seconds),
            memory_bytes: request
                .memory_bytes
                .unwrap_or(default.memory_bytes)
                .max(Self::MEMORY_BYTES_MIN)
                .min(maximum.memory_bytes),
            output_bytes: request.output_bytes.unwrap_or(default.output_bytes).min(maximum.output_bytes),
            processes: request.processes.unwrap_or(default.processes).min(maximum.processes),
            file_bytes: request.file_bytes.unwrap_or(default.file_bytes).min(maximum.file_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Limits, LimitsRequest};
    use crate::Seconds;

    #[test]
    fn a_request_is_kept_below_the_maximum_and_filled_from_the_default() {
        let request = LimitsRequest {
            timeout_seconds: Some(Seconds::whole(9000)),
            cpu_seconds: Some(Seconds::from_millis(300)),
            processes: Some(3),
            ..LimitsRequest::default()
        };
        let limits = Limits::clamp(request, Limits::DEFAULT, Limits::MAXIMUM);
        assert_eq!(limits.timeout_seconds, Limits::MAXIMUM.timeout_seconds);
        assert_eq!(limits.cpu_seconds, Seconds::from_millis(300));
        assert_eq!(limits.processes, 3);
        assert_eq!(limits.memory_bytes, Limits::DEFAULT.memory_bytes);
    }

    #[test]
    fn memory_has_a_floor_that_no_request_goes_below() {
        let asked = |bytes| LimitsRequest { memory_bytes: Some(bytes), ..LimitsRequest::default() };
        for (bytes, given) in [(0, 16 << 20), (1, 16 << 20), (17 << 20, 17 << 20)] {
            let limits = Limits::clamp(asked(bytes), Limits::DEFAULT, Limits::MAXIMUM);
            assert_eq!(limits.memory_bytes, given, "{bytes}");
        }
    }
}
