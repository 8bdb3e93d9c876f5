//! Where programs run.

use futures::future::BoxFuture;
use locus_core::{Outcome, RunRequest};
use locus_languages::Language;
use locus_runner::sandbox::SandboxReport;
use serde::Serialize;

pub mod cluster;
pub mod embedded;

/// What the front door needs of the place where programs run.
pub trait Backend: Send + Sync {
    /// The languages that a request may name.
    fn languages(&self) -> Vec<LanguageInfo>;

    /// Waits until `languages` names them all, where they have to be looked for.
    fn surveyed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Runs a program to its end. Dropping the future cancels the run.
    fn execute(&self, request: RunRequest) -> BoxFuture<'_, Result<Execution, BackendError>>;

    /// Whether a run would be taken now.
    ///
    /// # Errors
    /// What stands in the way.
    fn ready(&self) -> Result<(), BackendError>;

    /// What kind of place this is, in one word.
    fn name(&self) -> &'static str;

    /// The layers around a program, where they are this process' to know.
    fn sandbox(&self) -> Option<&SandboxReport> {
        None
    }
}

/// A language, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LanguageInfo {
    /// The id.
    pub id: String,
    /// The name that people read.
    pub name: String,
    /// The version that a program meets.
    pub version: String,
    /// Whether the id alone means this version.
    pub default: bool,
    /// What a request names it by, as in `language: python@3.11`.
    pub selector: String,
    /// Other names for the id.
    pub aliases: Vec<String>,
    /// The name of the file that `code` becomes.
    pub file_name: String,
    /// The editor's mode for it; `null` where there is none.
    pub editor: Option<String>,
    /// Libraries beside those that the language itself brings.
    pub libraries: Vec<String>,
    /// A short program that shows what the language is like.
    pub example: String,
}

impl From<&Language> for LanguageInfo {
    fn from(language: &Language) -> Self {
        let (selector, editor) = (language.selector(), language.editor_mode().map(str::to_owned));
        let Language { id, name, version, default, aliases, file_name, libraries, example, .. } = language.clone();
        Self { id, name, version, default, selector, aliases, file_name, editor, libraries, example }
    }
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The verdict.
    pub outcome: Outcome,
    /// What the program, or a compiler that refused it, wrote to standard output.
    pub stdout: Vec<u8>,
    /// The same for standard error.
    pub stderr: Vec<u8>,
    /// One sentence; empty when the program completed.
    pub error: String,
}

/// Why there is no run to tell of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No language goes by the name.
    #[error("{0}")]
    UnknownLanguage(String),
    /// The request can't be run as it stands.
    #[error("{0}")]
    InvalidRequest(String),
    /// As many runs wait as may.
    #[error("too many runs are waiting: try again in {retry_after_seconds} s")]
    QueueFull {
        /// When to try again.
        retry_after_seconds: u32,
    },
    /// Nothing can be run here now.
    #[error("{0}")]
    Unavailable(String),
    /// The run was taken and nothing was heard of its end.
    #[error("the run has no result after {seconds} s and was given up")]
    NoResult {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The runner broke.
    #[error("{0}")]
    RunnerFailed(String),
}

impl BackendError {
    /// The kind of error in one word, for answers and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::UnknownLanguage(_) => "UnknownLanguage",
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::QueueFull { .. } => "QueueFull",
            Self::Unavailable(_) => "Unavailable",
            Self::NoResult { .. } => "NoResult",
            Self::RunnerFailed(_) => "RunnerFailed",
        }
    }
}

/// The text in front of a cut: without the first bytes of a character whose rest was cut off.
#[must_use]
pub fn without_half_character(mut bytes: Vec<u8>) -> Vec<u8> {
    // No character has more than four bytes, so that what lies before the last three is never half of one.
    let tail = bytes.len().saturating_sub(3);
    let start = (tail..bytes.len()).rev().find(|&at| bytes[at] & 0xc0 != 0x80);
    if let Some(start) = start
        && std::str::from_utf8(&bytes[start..]).is_err_and(|error| error.error_len().is_none())
    {
        bytes.truncate(start);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::without_half_character;

    #[test]
    fn a_character_that_was_cut_in_two_is_left_out() {
        for text in ["é", "€", "😀"] {
            for kept in 1..text.len() {
                let bytes = [b"a", &text.as_bytes()[..kept]].concat();
                assert_eq!(without_half_character(bytes), b"a", "{text} cut after {kept}");
            }
            let whole = [b"a", text.as_bytes()].concat();
            assert_eq!(without_half_character(whole.clone()), whole);
        }
    }

    #[test]
    fn bytes_that_are_no_character_at_all_stay() {
        for bytes in [&b""[..], b"a\xff", b"\x80\x80\x80\x80", b"\xff\xfe\xfd"] {
            assert_eq!(without_half_character(bytes.to_vec()), bytes);
        }
    }
}
