//! What a run tells while it runs, and what is left of it at the end.

use serde::{Deserialize, Serialize};

use crate::{CaseEnd, Outcome};

/// One line of a runner's NDJSON stream, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Event {
    /// The run was accepted and its work folder is ready.
    Started,
    /// Bytes of the program's standard output, base64 on the wire.
    Stdout {
        /// The bytes, at most a few tens of KiB a line.
        #[serde(with = "base64_bytes")]
        data: Vec<u8>,
    },
    /// Bytes of the program's standard error, base64 on the wire.
    Stderr {
        /// The bytes, at most a few tens of KiB a line.
        #[serde(with = "base64_bytes")]
        data: Vec<u8>,
    },
    /// The program is started for a case; what it writes from here on is that of the case.
    CaseStarted {
        /// Which one, from 0.
        index: usize,
    },
    /// A case has ended.
    CaseEnded {
        /// How.
        end: CaseEnd,
    },
    /// A file that the program has left and that was asked for.
    File {
        /// Its name below the work folder.
        name: String,
        /// All of it.
        #[serde(with = "base64_bytes")]
        data: Vec<u8>,
    },
    /// The run has ended. Nothing follows.
    Finished {
        /// How it ended.
        result: RunResult,
    },
}

/// How a run ended; its output stands in the events before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The verdict.
    pub outcome: Outcome,
    /// One human sentence; empty when the program completed.
    pub error: String,
    /// The program's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended the program, by name (`SIGSEGV`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Whether stdout was cut at the output limit.
    #[serde(default)]
    pub stdout_truncated: bool,
    /// Whether stderr was cut at the output limit.
    #[serde(default)]
    pub stderr_truncated: bool,
    /// The compile step, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile: Option<CompileResult>,
    /// What the program used.
    #[serde(default)]
    pub usage: Usage,
    /// Whether the interpreter was started before the code was known.
    #[serde(default)]
    pub prestarted: bool,
    /// Files that were asked for and are not returned, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_left: Vec<FileLeft>,
}

/// A file that is not returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileLeft {
    /// Its name below the work folder, or the name that no file had.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// What the compiler wrote and how it exited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CompileResult {
    /// The compiler's standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// The compiler's standard error; bytes that are not UTF-8 are replaced.
    pub stderr: String,
    /// The compiler's exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// What a program used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Seconds of wall-clock time from start to end.
    pub wall_seconds: f64,
    /// Seconds of user and system cpu time, all processes together.
    pub cpu_seconds: f64,
    /// The most memory of all its processes together, in bytes.
    pub memory_peak_bytes: u64,
}

impl RunResult {
    /// A result without output or usage.
    #[must_use]
    pub fn failed(outcome: Outcome, error: impl Into<String>) -> Self {
        Self {
            outcome,
            error: error.into(),
            exit_code: None,
            signal: None,
            stdout_truncated: false,
            stderr_truncated: false,
            compile: None,
            usage: Usage::default(),
            prestarted: false,
            files_left: Vec::new(),
        }
    }
}

/// The events of one run, folded together. It holds at most `capacity` bytes a stream; what lies
/// past that is dropped and counted as truncated by whoever set the capacity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transcript {
    /// The head of standard output.
    pub stdout: Vec<u8>,
    /// The head of standard error.
    pub stderr: Vec<u8>,
    /// Whether bytes of stdout were dropped at the capacity.
    pub stdout_dropped: bool,
    /// Whether bytes of stderr were dropped at the capacity.
    pub stderr_dropped: bool,
    /// What came of each case that was started.
    pub cases: Vec<CaseTranscript>,
    /// The files that were returned, by name.
    pub files: Vec<(String, Vec<u8>)>,
    /// How the run ended, once it has.
    pub result: Option<RunResult>,
}

/// The events of one case, folded together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaseTranscript {
    /// The head of standard output.
    pub stdout: Vec<u8>,
    /// The head of standard error.
    pub stderr: Vec<u8>,
    /// How it ended, once it has.
    pub end: Option<CaseEnd>,
}

impl Transcript {
    /// Adds an event; `capacity` is the most bytes to hold of each stream.
    pub fn push(&mut self, event: Event, capacity: usize) {
        match event {
            Event::Started => {}
            Event::Stdout { data } => match self.cases.last_mut() {
                Some(case) => drop(append(&mut case.stdout, &data, capacity)),
                None => self.stdout_dropped |= append(&mut self.stdout, &data, capacity),
            },
            Event::Stderr { data } => match self.cases.last_mut() {
                Some(case) => drop(append(&mut case.stderr, &data, capacity)),
                None => self.stderr_dropped |= append(&mut self.stderr, &data, capacity),
            },
            Event::CaseStarted { .. } => self.cases.push(CaseTranscript::default()),
            Event::CaseEnded { end } => {
                if let Some(case) = self.cases.last_mut() {
                    case.end = Some(end);
                }
            }
            Event::File { name, data } => self.files.push((name, data)),
            Event::Finished { result } => self.result = Some(result),
        }
    }
}

fn append(held: &mut Vec<u8>, data: &[u8], capacity: usize) -> bool {
    let room = capacity.saturating_sub(held.len()).min(data.len());
    held.extend_from_slice(&data[..room]);
    room < data.len()
}

mod base64_bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Transcript, Usage};

    #[test]
    fn bytes_survive_the_wire() {
        let event = Event::Stdout { data: vec![0, 0xff, b'a'] };
        let line = serde_json::to_string(&event).expect("an event serializes");
        assert_eq!(line, r#"{"type":"stdout","data":"AP9h"}"#);
        assert_eq!(serde_json::from_str::<Event>(&line).expect("it parses again"), event);
    }

    #[test]
    fn seconds_survive_the_wire_to_the_last_bit() {
        let usage = Usage { wall_seconds: 36.477_596_664_000_004, ..Usage::default() };
        let json = serde_json::to_string(&usage).expect("usage serializes");
        assert_eq!(serde_json::from_str::<Usage>(&json).expect("it parses again"), usage);
    }

    #[test]
    fn a_transcript_holds_no_more_than_its_capacity() {
        let mut transcript = Transcript::default();
        transcript.push(Event::Stdout { data: vec![b'a'; 10] }, 4);
        assert_eq!(transcript.stdout, b"aaaa");
        assert!(transcript.stdout_dropped && !transcript.stderr_dropped);
    }
}
