//! What a run tells, made into events that a client can leave and come back to: each has a position, and from a position
//! the rest is found by telling all again.

use std::fmt;
use std::str::FromStr;

use locus_core::{CaseEnd, Event, Run, TestsView, Text};
use serde::Serialize;

use crate::backend::{Told, whole_characters};

/// How much of a run has been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Events that are neither output nor a state.
    pub marks: u64,
    /// Bytes of standard output.
    pub stdout: u64,
    /// Bytes of standard error.
    pub stderr: u64,
}

/// A text that is no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such place in the events of a run: send the id of the last event that came")]
pub struct NoPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.marks, self.stdout, self.stderr)
    }
}

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        // A number in digits alone: what is read is what was written.
        let number = |part: &str| {
            let is_plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            if is_plain { part.parse().map_err(|_| NoPosition) } else { Err(NoPosition) }
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [marks, stdout, stderr] = parts[..] else { return Err(NoPosition) };
        Ok(Self { marks: number(marks)?, stdout: number(stdout)?, stderr: number(stderr)? })
    }
}

/// One event, as clients are told it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// The run is in another state: a summary.
    State(Box<Run>),
    /// Some of the standard output.
    Stdout(Text),
    /// Some of the standard error.
    Stderr(Text),
    /// What follows is of this case.
    CaseStarted {
        /// Which one, from 0.
        index: usize,
    },
    /// A case has ended.
    CaseEnded {
        /// Which one, from 0.
        index: usize,
        /// How.
        #[serde(flatten)]
        end: CaseEnd,
    },
    /// A file that the program has left.
    File {
        /// Its name below the work folder.
        name: String,
        /// Bytes.
        size: u64,
    },
    /// The run has ended: all of it but what the program wrote.
    Finished(Box<Run>),
}

impl Data {
    /// The name of the event.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Stdout(_) => "stdout",
            Self::Stderr(_) => "stderr",
            Self::CaseStarted { .. } => "caseStarted",
            Self::CaseEnded { .. } => "caseEnded",
            Self::File { .. } => "file",
            Self::Finished(_) => "finished",
        }
    }
}

/// Tells a run from a position on.
#[derive(Debug, Clone, Default)]
pub struct Teller {
    from: Position,
    marks: u64,
    case: usize,
    stdout: Stream,
    stderr: Stream,
}

impl Teller {
    /// Tells what lies behind a position.
    #[must_use]
    pub fn from(position: Position) -> Self {
        let stream = |from| Stream { from, ..Stream::default() };
        let (stdout, stderr) = (stream(position.stdout), stream(position.stderr));
        Self { from: position, stdout, stderr, ..Self::default() }
    }

    /// The events that something makes, with the position behind each.
    pub fn tell(&mut self, told: Told) -> Vec<(Position, Data)> {
        let mut events = Vec::new();
        match told {
            // A state has no place of its own: one that is told again does no harm.
            Told::State(run) if self.has_arrived() => events.push((self.at(), Data::State(run))),
            Told::State(_) | Told::Event(Event::Started | Event::Finished { .. }) => {}
            Told::Event(Event::Stdout { data }) => {
                let text = self.stdout.push(data);
                events.extend(text.map(|text| (self.at(), Data::Stdout(text))));
            }
            Told::Event(Event::Stderr { data }) => {
                let text = self.stderr.push(data);
                events.extend(text.map(|text| (self.at(), Data::Stderr(text))));
            }
            Told::Event(Event::CaseStarted { index }) => {
                self.case = index;
                self.mark(Data::CaseStarted { index }, &mut events);
            }
            Told::Event(Event::CaseEnded { end }) => self.mark(Data::CaseEnded { index: self.case, end }, &mut events),
            Told::Event(Event::File { name, data }) => {
                self.mark(Data::File { name, size: data.len() as u64 }, &mut events);
            }
            Told::Ended(run) => {
                self.flush(&mut events);
                self.marks += 1;
                // Whoever is at some other place, and be it one that there is not, has not heard of the end.
                if self.at() != self.from {
                    events.push((self.at(), Data::Finished(Box::new(without_output(*run)))));
                }
            }
        }
        events
    }

    fn at(&self) -> Position {
        Position { marks: self.marks, stdout: self.stdout.told, stderr: self.stderr.told }
    }

    fn has_arrived(&self) -> bool {
        self.marks >= self.from.marks && self.stdout.has_arrived() && self.stderr.has_arrived()
    }

    fn mark(&mut self, data: Data, events: &mut Vec<(Position, Data)>) {
        self.flush(events);
        self.marks += 1;
        if self.marks > self.from.marks {
            events.push((self.at(), data));
        }
    }

    /// Tells halves of characters as they are: what follows is not their rest.
    fn flush(&mut self, events: &mut Vec<(Position, Data)>) {
        let text = self.stdout.flush();
        events.extend(text.map(|text| (self.at(), Data::Stdout(text))));
        let text = self.stderr.flush();
        events.extend(text.map(|text| (self.at(), Data::Stderr(text))));
    }
}

/// The place in one stream.
#[derive(Debug, Clone, Default)]
struct Stream {
    /// What was told before this telling.
    from: u64,
    /// What has been told by now.
    told: u64,
    /// The first bytes of a character whose rest is still to come.
    half: Vec<u8>,
}

impl Stream {
    const fn has_arrived(&self) -> bool {
        self.told >= self.from
    }

    /// The whole characters that there are now.
    fn push(&mut self, mut data: Vec<u8>) -> Option<Text> {
        let known = usize::try_from(self.from.saturating_sub(self.told)).unwrap_or(usize::MAX).min(data.len());
        data.drain(..known);
        self.told += known as u64;
        let mut bytes = std::mem::take(&mut self.half);
        bytes.append(&mut data);
        self.half = bytes.split_off(whole_characters(&bytes));
        self.text(bytes)
    }

    fn flush(&mut self) -> Option<Text> {
        let half = std::mem::take(&mut self.half);
        self.text(half)
    }

    fn text(&mut self, bytes: Vec<u8>) -> Option<Text> {
        self.told += bytes.len() as u64;
        (!bytes.is_empty()).then(|| Text::of(bytes))
    }
}

fn without_output(run: Run) -> Run {
    let summary = run.summary();
    let tests = run.tests.map(|mut tests| {
        for case in &mut tests.cases {
            (case.stdout, case.stdout_base64, case.stderr, case.stderr_base64) = (None, None, None, None);
        }
        TestsView { ..tests }
    });
    Run { compile: run.compile, tests, ..summary }
}
