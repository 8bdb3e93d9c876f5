//! What the operator tells of a CodeRun.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use locus_core::Seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::FileEncoding;

/// The type of the one condition of a CodeRun.
pub const SUCCEEDED: &str = "Succeeded";

/// How far the run is, and its result.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools, reason = "each is a field of the wire format")]
pub struct CodeRunStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The condition Succeeded: Unknown until the run ends; its reason tells more, and is the outcome then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
    /// Pending, Running, Succeeded or Failed: the condition in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// How the run ended, once it has: `Completed`; by the program `NonZeroExit`, `Signaled`, `TimedOut`, `OutOfMemory`,
    /// `OutputLimitExceeded`, `CompileFailed`, `TestsFailed` or `Cancelled`; by the platform `UnknownLanguage`,
    /// `InvalidRequest`, `ImagePullFailed`, `PodRejected`, `PodEvicted`, `RunnerFailed` or `NodeLost`. It never changes after
    /// that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub outcome: Option<String>,
    /// What the program wrote to standard output, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Standard output in base64, in place of stdout where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What the program wrote to standard error, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Standard error in base64, in place of stderr where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// One sentence that says what went wrong; empty on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The program's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the program, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Whether the program was stopped because stdout grew past its limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdout_truncated: bool,
    /// Whether the program was stopped because stderr grew past its limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr_truncated: bool,
    /// Whether stdout was within its limit but stands here cut, since an object holds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdout_in_status_truncated: bool,
    /// Whether stderr was within its limit but stands here cut, since an object holds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr_in_status_truncated: bool,
    /// The compile step, in languages that compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile: Option<CompileStatus>,
    /// What came of the tests, where spec has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsStatus>,
    /// The files that spec.outputFiles asked for and that the program has left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileStatus>,
    /// Files that were asked for and do not stand here, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_left: Vec<FileLeftStatus>,
    /// Until when the run's pod is kept, since it holds something whole that stands here cut or not at all. The front
    /// door reads it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_kept_until: Option<Time>,
    /// When a pod was claimed for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// What the program used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageStatus>,
    /// The limits in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<EffectiveLimits>,
    /// Whether the interpreter was started before the code was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prestarted: Option<bool>,
    /// The pod that was claimed for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    /// The UID of that pod.
    #[serde(default, rename = "podUID", skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
}

/// The condition in one word.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Phase {
    /// No pod has been claimed yet.
    Pending,
    /// A pod was claimed and is given the run.
    Running,
    /// The program exited with status 0 and, where there are tests, passed them all.
    Succeeded,
    /// The run ended in any other way.
    Failed,
}

/// What the compiler wrote.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompileStatus {
    /// The compiler's standard output.
    #[serde(default)]
    pub stdout: String,
    /// The compiler's standard error.
    #[serde(default)]
    pub stderr: String,
    /// The compiler's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// What came of the tests.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestsStatus {
    /// How many passed.
    pub passed: u32,
    /// How many there are.
    pub total: u32,
    /// Each of them, in the order of spec.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub cases: Vec<CaseStatus>,
}

/// What came of one test.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseStatus {
    /// The name that spec gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Passed`, `WrongOutput` (it completed and printed something else), `Failed` (it did not complete) or `NotRun` (the
    /// run ended before its turn).
    #[schemars(length(max = 64))]
    pub verdict: String,
    /// How the program ended, in the words of the outcome of a run; absent when it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub outcome: Option<String>,
    /// One sentence that says what went wrong; absent or empty when the program completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The program's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the program, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// What the program used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageStatus>,
    /// What the program wrote to standard output, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Standard output in base64, in place of stdout where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What the program wrote to standard error, to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Standard error in base64, in place of stderr where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// Whether stdout or stderr stands here cut, at its limit or since an object holds no more. Tests are judged by more
    /// than what stands here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A file that the program has left.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatus {
    /// Its name below the work folder.
    pub name: String,
    /// The content.
    pub content: String,
    /// How the content is written: utf8 (text as it is, the default) or base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<FileEncoding>,
}

/// A file that does not stand in the status.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileLeftStatus {
    /// Its name below the work folder, or the name that no file had.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// What the program used.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageStatus {
    /// Seconds of wall-clock time.
    pub wall_seconds: f64,
    /// Seconds of cpu time.
    pub cpu_seconds: f64,
    /// The most memory of all its processes together, in bytes.
    pub memory_peak_bytes: u64,
}

/// The limits in force.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveLimits {
    /// Wall-clock seconds of each step.
    #[schemars(with = "f64", range(min = 0))]
    pub timeout_seconds: Seconds,
    /// Seconds of cpu time.
    #[schemars(with = "f64", range(min = 0))]
    pub cpu_seconds: Seconds,
    /// Bytes of memory, in digits.
    pub memory: String,
    /// Bytes that each of stdout and stderr may hold.
    pub output_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Bytes of the largest file that the program may write.
    pub file_bytes: u64,
    /// Wall-clock seconds of the compile step, in languages that compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>", range(min = 0))]
    pub compile_timeout_seconds: Option<Seconds>,
}
