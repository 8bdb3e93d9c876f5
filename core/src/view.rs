//! A run as clients of the front door see it, wherever it takes place.

use std::collections::BTreeMap;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::{CaseEnd, CompileResult, Encoding, FileLeft, Limits, Outcome, RunResult, Usage, Verdict};

/// A run and what is known of it by now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// What the run is asked for by.
    pub id: String,
    /// The language, as the request named it.
    pub language: String,
    /// The labels of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How far it is, in one word.
    pub phase: Phase,
    /// Why it is where it is: `Queued`, `PodPending` or `Running`, and its outcome once it has ended.
    pub reason: String,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// When it was taken, in RFC 3339.
    pub created_at: String,
    /// When its program was given to a runner, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended, in RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// One human sentence; empty as long as nothing is wrong.
    #[serde(default)]
    pub error: String,
    /// What the program wrote to standard output. Lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// The same in base64, in place of `stdout` where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What the program wrote to standard error. Lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The same in base64, in place of `stderr` where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// Whether stdout was cut, at its limit or since its place holds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stdout_truncated: bool,
    /// Whether stderr was cut, at its limit or since its place holds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr_truncated: bool,
    /// The program's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The compile step, in languages that compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile: Option<CompileResult>,
    /// What came of the tests, where the request has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsView>,
    /// The files that were asked for and left by the program. Lists leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutputFile>,
    /// Files that were asked for and are not returned, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_left: Vec<FileLeft>,
    /// The limits in force, once they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What the program used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Whether the interpreter was started before the code was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prestarted: bool,
}

/// How far a run is, in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Phase {
    /// It waits for its turn.
    #[default]
    Pending,
    /// A runner has it.
    Running,
    /// The program completed and, where there are tests, passed them all.
    Succeeded,
    /// It ended in any other way.
    Failed,
}

impl Phase {
    /// All of them, in the order that a run takes.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Succeeded, Self::Failed];

    /// The word that stands for it everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether a run that is so far has ended.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A word that stands for no phase. The message names those that do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("choose one of {}", Phase::ALL.map(Phase::as_str).join(", "))]
pub struct UnknownPhase;

/// In whatever case.
impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL.into_iter().find(|phase| phase.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownPhase)
    }
}

impl From<Outcome> for Phase {
    fn from(outcome: Outcome) -> Self {
        if outcome.is_success() { Self::Succeeded } else { Self::Failed }
    }
}

/// What came of the tests of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestsView {
    /// How many passed.
    pub passed: usize,
    /// How many there are.
    pub total: usize,
    /// Each of them, in the order of the request. Lists leave them out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseView>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CaseView {
    /// The name that the request gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The judgement.
    pub verdict: Verdict,
    /// How the program ended; absent when it was not run.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub end: Option<CaseEnd>,
    /// What it wrote to standard output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// The same in base64, in place of `stdout` where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout_base64: Option<String>,
    /// What it wrote to standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The same in base64, in place of `stderr` where that is not valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr_base64: Option<String>,
    /// Whether either was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// A file that a program has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OutputFile {
    /// Its name below the work folder.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What kind of file it is by its name, such as `image/png`.
    pub media_type: String,
    /// The content, in the given encoding.
    pub content: String,
    /// How `content` is written.
    pub encoding: Encoding,
}

/// Bytes in the one of two forms that JSON can hold them in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// The bytes, where they are valid UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes in standard base64, where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

impl Text {
    /// Text if the bytes are, and else base64.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        match Encoding::of(bytes) {
            (text, Encoding::Utf8) => Self { text: Some(text), base64: None },
            (base64, Encoding::Base64) => Self { text: None, base64: Some(base64) },
        }
    }
}

/// The bytes of a stream that stands in one of two forms; none in either is an empty one.
///
/// # Errors
/// When the second form is not base64.
pub fn bytes(text: Option<&str>, base64: Option<&str>) -> Result<Vec<u8>, base64::DecodeError> {
    base64.map_or_else(|| Ok(text.unwrap_or_default().as_bytes().to_vec()), |base64| STANDARD.decode(base64))
}

impl Run {
    /// Whether it has ended.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.phase.is_over()
    }

    /// The run without what a program may make large: what lists and the last event of a stream hold.
    #[must_use]
    pub fn summary(&self) -> Self {
        let tests =
            self.tests.as_ref().map(|&TestsView { passed, total, .. }| TestsView { passed, total, cases: Vec::new() });
        Self {
            id: self.id.clone(),
            language: self.language.clone(),
            labels: self.labels.clone(),
            phase: self.phase,
            reason: self.reason.clone(),
            outcome: self.outcome,
            created_at: self.created_at.clone(),
            started_at: self.started_at.clone(),
            finished_at: self.finished_at.clone(),
            error: self.error.clone(),
            stdout_truncated: self.stdout_truncated,
            stderr_truncated: self.stderr_truncated,
            exit_code: self.exit_code,
            signal: self.signal.clone(),
            tests,
            files_left: self.files_left.clone(),
            limits: self.limits,
            usage: self.usage,
            prestarted: self.prestarted,
            // What is large is not copied to be thrown away.
            ..Self::default()
        }
    }

    /// The run with its result.
    #[must_use]
    pub fn ended(self, result: RunResult) -> Self {
        Self {
            phase: result.outcome.into(),
            reason: result.outcome.as_str().to_owned(),
            outcome: Some(result.outcome),
            error: result.error,
            stdout_truncated: self.stdout_truncated || result.stdout_truncated,
            stderr_truncated: self.stderr_truncated || result.stderr_truncated,
            exit_code: result.exit_code,
            signal: result.signal,
            compile: result.compile,
            files_left: result.files_left,
            usage: Some(result.usage),
            prestarted: result.prestarted,
            ..self
        }
    }
}

impl OutputFile {
    /// A file with its content, of a kind that its name tells.
    #[must_use]
    pub fn new(name: String, bytes: Vec<u8>, media_type: String) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (content, encoding) = Encoding::of(bytes);
        Self { name, size, media_type, content, encoding }
    }
}

#[cfg(test)]
mod tests {
    use super::{OutputFile, Phase, Run, Text, bytes};
    use crate::{Encoding, Outcome, RunResult};

    #[test]
    fn bytes_survive_either_form() {
        for (given, is_text) in [(&b"a\n"[..], true), (b"", true), (b"\xff\0", false)] {
            let text = Text::of(given.to_vec());
            assert_eq!(text.text.is_some(), is_text);
            assert_eq!(bytes(text.text.as_deref(), text.base64.as_deref()).expect("it is well formed"), given);
        }
    }

    #[test]
    fn a_summary_holds_nothing_that_a_program_may_make_large() {
        let run = Run { stdout: Some("o".into()), stderr_base64: Some("/w==".into()), ..Run::default() };
        let file = OutputFile::new("a.png".into(), vec![0xff], "image/png".into());
        assert_eq!((file.size, file.encoding), (1, Encoding::Base64));
        let run = Run { files: vec![file], ..run }.ended(RunResult::failed(Outcome::TimedOut, "too late"));
        assert_eq!((run.phase, run.reason.as_str(), run.is_over()), (Phase::Failed, "TimedOut", true));
        let json = serde_json::to_value(run.summary()).expect("it serializes");
        let keys: Vec<_> = json.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["createdAt", "error", "id", "language", "outcome", "phase", "reason", "usage"]);
    }
}
