//! Where programs run.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use locus_core::{Event, LimitsRequest, Phase, Run, RunRequest};
use locus_languages::{Compat, Language};
use locus_runner::sandbox::SandboxReport;
use serde::Serialize;
use utoipa::ToSchema;

pub mod cluster;
pub mod embedded;
pub mod files;
pub mod listing;

/// What the front door needs of the place where programs run. A run is taken by [`Backend::create`] and goes on by itself,
/// whoever waits for it and however long; what a client may do to it is asked by its id.
///
/// A client sees its own runs only: for every other one the answer is [`BackendError::NotFound`].
pub trait Backend: Send + Sync {
    /// The languages that a request may name.
    fn languages(&self) -> Vec<LanguageInfo>;

    /// Waits until `languages` names them all, where they have to be looked for.
    fn surveyed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Takes a run. One with the id of another that was taken before is that one, if their digests are the same.
    fn create(&self, order: Order) -> BoxFuture<'_, Result<Taken, BackendError>>;

    /// A run as it is now, output and all once it has ended.
    fn get<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>>;

    /// What was asked for. Of a run that has no note a backend may have forgotten it, which is [`BackendError::NotFound`].
    fn asked<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Asked, BackendError>>;

    /// Waits for the end of a run: all of it.
    fn wait<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>>;

    /// Waits for the end of a run: a summary, for whoever has no use for what its program wrote.
    fn ended<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>>;

    /// Summaries of a client's runs, the newest first.
    fn list<'a>(&'a self, client: &'a Client, query: &'a Query) -> BoxFuture<'a, Result<Page, BackendError>>;

    /// What has happened to a run and what happens, from its beginning to its end: the last thing told is
    /// [`Told::Ended`]. A stream that ends without it broke off, and can be asked for again.
    fn watch<'a>(
        &'a self,
        client: &'a Client,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Told>, BackendError>>;

    /// Asks a run to stop; one that has ended stays as it is. The answer is the run as it is then.
    fn cancel<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>>;

    /// Gives an interactive run more standard input. The answer is how much of it all has been taken by then.
    fn stdin<'a>(&'a self, client: &'a Client, id: &'a str, input: Input) -> BoxFuture<'a, Result<u64, BackendError>>;

    /// Whether a run would be taken now.
    ///
    /// # Errors
    /// What stands in the way.
    fn ready(&self) -> Result<(), BackendError>;

    /// Waits until all runs that were taken have ended, where they end with this process.
    fn drained(&self) -> BoxFuture<'_, ()>;

    /// How many runs would end with this process if it ended now.
    fn going(&self) -> usize {
        0
    }

    /// What kind of place this is, in one word.
    fn name(&self) -> &'static str;

    /// The layers around a program, where they are this process' to know.
    fn sandbox(&self) -> Option<&SandboxReport> {
        None
    }
}

/// Who asks: the name of an API key, or nobody in particular where no keys are asked for.
pub type Client = Option<String>;

/// A run to take.
#[derive(Debug, Clone)]
pub struct Order {
    /// What is to be run.
    pub request: RunRequest,
    /// Whose run it is.
    pub client: Client,
    /// What an `Idempotency-Key` makes of the run; without one it has an id that no other has.
    pub once: Option<Once>,
    /// Seconds that the run is kept for after its end.
    pub keep_seconds: u32,
    /// A text that is kept with the run, of at most [`NOTE_BYTES_MAX`]: what an API of another form has to say of it again.
    pub note: Option<String>,
}

/// The most bytes of the note of a run.
pub const NOTE_BYTES_MAX: usize = 32 << 10;

/// What was asked for when a run was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The request.
    pub request: RunRequest,
    /// The note that came with it.
    pub note: Option<String>,
}

/// What makes a run the same as one that was taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The id, which follows from the key and the client.
    pub id: String,
    /// The sha256 of the request's body in hex.
    pub digest: String,
}

/// A run that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The run.
    pub run: Run,
    /// Whether it was taken now, and not by an earlier request.
    pub is_new: bool,
}

/// Which runs a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Labels that each must have.
    pub labels: Vec<(String, String)>,
    /// The phase that each must be in.
    pub phase: Option<Phase>,
    /// The most of them.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Summaries of runs.
    pub items: Vec<Run>,
    /// Where the next page begins, if there is more.
    pub next: Option<String>,
}

/// Something that is told of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// It is in another state: a summary.
    State(Box<Run>),
    /// Its runner tells something; `Finished` is never told.
    Event(Event),
    /// It has ended: all of it.
    Ended(Box<Run>),
}

/// More standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// The bytes.
    pub data: Vec<u8>,
    /// How many bytes were sent before these, where the sender counts: what was taken already is not taken again.
    pub at: Option<u64>,
    /// Whether nothing follows.
    pub end: bool,
}

/// A language, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
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
    /// What clients of other systems call it.
    #[serde(skip)]
    pub compat: Compat,
    /// Whether programs in it are compiled before they run.
    #[serde(skip)]
    pub compiles: bool,
    /// The compiler's argv; empty where there is none.
    #[serde(skip)]
    pub compile: Vec<String>,
    /// The program's argv.
    #[serde(skip)]
    pub run: Vec<String>,
    /// Its own limits, where they are not those of all.
    #[serde(skip)]
    pub limits: LimitsRequest,
}

impl From<&Language> for LanguageInfo {
    fn from(language: &Language) -> Self {
        let (selector, editor) = (language.selector(), language.editor_mode().map(str::to_owned));
        let Language { id, name, version, default, aliases, file_name, libraries, example, .. } = language.clone();
        let Language { compat, compile, run, limits, .. } = language.clone();
        Self {
            id,
            name,
            version,
            default,
            selector,
            aliases,
            file_name,
            editor,
            libraries,
            example,
            compat,
            compiles: compile.is_some(),
            compile: compile.unwrap_or_default(),
            run,
            limits,
        }
    }
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
    /// As many runs of the client go on as may.
    #[error("{most} of your runs go on, and there may be no more at one time: wait for the end of one")]
    TooManyRuns {
        /// How many may.
        most: u32,
    },
    /// Nothing can be run here now.
    #[error("{0}")]
    Unavailable(String),
    /// There is no such run, or it is another client's.
    #[error("there is no run {0:?}: it was never taken, or its time is over")]
    NotFound(String),
    /// An `Idempotency-Key` came again with another request.
    #[error("this Idempotency-Key was used for another request: send the same one, or take a new key")]
    KeyReused,
    /// An `Idempotency-Key` came again whose run was forgotten before its time.
    #[error(
        "the run of this Idempotency-Key is over, and its result is no longer kept: take a new key to run it again"
    )]
    Spent,
    /// The run takes no input.
    #[error("{0}")]
    NoInput(String),
    /// Input before that which was sent has not come.
    #[error("input is missing before this: {taken} bytes are taken by now, send what follows them")]
    InputMissing {
        /// The bytes that were taken, from the beginning.
        taken: u64,
    },
    /// As much input waits as may.
    #[error("the program does not read its input: at most {taken} bytes are taken by now, try again")]
    InputFull {
        /// The bytes that were taken, from the beginning.
        taken: u64,
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
            Self::TooManyRuns { .. } => "TooManyRuns",
            Self::Unavailable(_) => "Unavailable",
            Self::NotFound(_) => "NotFound",
            Self::KeyReused => "IdempotencyKeyReused",
            Self::Spent => "ResultGone",
            Self::NoInput(_) => "NoInput",
            Self::InputMissing { .. } => "InputMissing",
            Self::InputFull { .. } => "InputFull",
            Self::RunnerFailed(_) => "RunnerFailed",
        }
    }

    /// How many bytes of input were taken, where more may be sent.
    #[must_use]
    pub const fn taken(&self) -> Option<u64> {
        match self {
            Self::InputMissing { taken } | Self::InputFull { taken } => Some(*taken),
            _ => None,
        }
    }
}

/// The text in front of a cut: without the first bytes of a character whose rest was cut off.
#[must_use]
pub fn without_half_character(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(whole_characters(&bytes));
    bytes
}

/// How many bytes there are in front of the first bytes of a character whose rest is missing at the end.
#[must_use]
pub fn whole_characters(bytes: &[u8]) -> usize {
    // No character has more than four bytes, so that what lies before the last three is never half of one.
    let tail = bytes.len().saturating_sub(3);
    let start = (tail..bytes.len()).rev().find(|&at| bytes[at] & 0xc0 != 0x80);
    start
        .filter(|&start| std::str::from_utf8(&bytes[start..]).is_err_and(|error| error.error_len().is_none()))
        .unwrap_or(bytes.len())
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
