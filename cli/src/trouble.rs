//! What can go wrong before a program says how it went itself.

use locus_core::Outcome;
use reqwest::StatusCode;
use serde::Deserialize;

/// The exit code of a command line that can't be meant as it stands.
pub const USAGE: u8 = 2;
/// The exit code where Locus, and not the program, has failed.
pub const PLATFORM: u8 = 125;

/// Why a command has nothing to show. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The command line asks for what can't be.
    #[error("{0}")]
    Usage(String),
    /// No answer.
    #[error("there is no answer from {server} ({why}): is it running, and is the address right?")]
    Unreachable {
        /// The address.
        server: String,
        /// What the connection said.
        why: String,
    },
    /// An answer that says what is wrong.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// An answer that is not one of Locus.
    #[error("{server} does not answer as a server of Locus does ({why}): is the address right?")]
    Odd {
        /// The address.
        server: String,
        /// What is odd.
        why: String,
    },
    /// The place where programs run can't be made.
    #[error("{0}")]
    NoPlace(String),
    /// A stream of the terminal, or a file, can't be read or written.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a server says is wrong.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of error in one word.
    pub reason: String,
    /// The sentence, with what to do.
    pub message: String,
}

/// The body of an answer that says what is wrong.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// The kind of error in one word.
    pub reason: String,
    /// The sentence.
    pub message: String,
}

impl Trouble {
    /// Trouble with a file or a stream.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }

    /// The process' exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Refused(refusal) if is_about_the_request(&refusal.reason) => USAGE,
            _ => PLATFORM,
        }
    }

    /// The kind of refusal, where it is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.reason),
            _ => None,
        }
    }
}

fn is_about_the_request(reason: &str) -> bool {
    let outcomes = [Outcome::InvalidRequest, Outcome::UnknownLanguage].map(Outcome::as_str);
    outcomes.contains(&reason) || ["NotFound", "BodyTooLarge", "UnknownField", "InvalidJson"].contains(&reason)
}
