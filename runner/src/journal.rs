//! The events of a run, kept for every reader that comes, early or late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use locus_core::{Event, RunResult};
use tokio::sync::watch;

use crate::output::Stream;

/// The most bytes of a replayed event.
const CHUNK: usize = 32 * 1024;
/// How many changes between stdout and stderr are remembered. A program that alternates byte by byte
/// would else fill the runner's memory; past this many, only the order within each stream is kept.
const TURNS_MAX: usize = 64 * 1024;

/// The events of one run. It holds the output itself, which is limited, and little more.
#[derive(Debug)]
pub struct Journal {
    held: Mutex<Held>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Held {
    started: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    turns: Vec<(Stream, usize)>,
    result: Option<RunResult>,
}

impl Journal {
    /// Without events.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), changed: watch::Sender::new(()) })
    }

    /// Adds an event and wakes the readers.
    pub fn push(&self, event: Event) {
        let mut held = self.lock();
        match event {
            Event::Started => held.started = true,
            Event::Stdout { data } => held.append(Stream::Stdout, &data),
            Event::Stderr { data } => held.append(Stream::Stderr, &data),
            Event::CaseStarted { .. } | Event::CaseEnded { .. } | Event::File { .. } => {}
            Event::Finished { result } => held.result = Some(result),
        }
        drop(held);
        self.changed.send_replace(());
    }

    /// The result, once the run has ended.
    pub fn result(&self) -> Option<RunResult> {
        self.lock().result.clone()
    }

    /// Waits for the end of the run.
    pub async fn finished(&self) -> RunResult {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(result) = self.result() {
                return result;
            }
            // The sender is this value's own, so it is there.
            let _ = changed.changed().await;
        }
    }

    /// A reader that begins at the start.
    pub fn reader(self: &Arc<Self>) -> Reader {
        let changed = self.changed.subscribe();
        Reader { journal: self.clone(), changed, started: false, stdout: 0, stderr: 0, turn: 0, used: 0, ended: false }
    }

    /// A panic elsewhere leaves plain data behind, which is still good.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn append(&mut self, stream: Stream, data: &[u8]) {
        let full = self.turns.len() == TURNS_MAX;
        match self.turns.last_mut() {
            Some((last, length)) if *last == stream && !full => *length += data.len(),
            _ if full => {}
            _ => self.turns.push((stream, data.len())),
        }
        self.bytes_mut(stream).extend_from_slice(data);
    }

    fn bytes_mut(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// One reader's place in a journal.
#[derive(Debug)]
pub struct Reader {
    journal: Arc<Journal>,
    changed: watch::Receiver<()>,
    started: bool,
    /// How much of each stream has been read.
    stdout: usize,
    stderr: usize,
    /// The turn that is being read, and how much of it has been.
    turn: usize,
    used: usize,
    ended: bool,
}

impl Reader {
    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            if let Some(event) = self.ready() {
                self.ended = matches!(event, Event::Finished { .. });
                return Some(event);
            }
            let _ = self.changed.changed().await;
        }
        None
    }

    fn ready(&mut self) -> Option<Event> {
        let journal = self.journal.clone();
        let held = journal.lock();
        if held.started && !self.started {
            self.started = true;
            return Some(Event::Started);
        }
        while let Some((stream, length)) = held.turns.get(self.turn) {
            if self.used < *length {
                let event = self.read(&held, *stream, length - self.used)?;
                return Some(event);
            }
            if self.turn + 1 == held.turns.len() && held.turns.len() < TURNS_MAX {
                // The last turn may still grow.
                break;
            }
            (self.turn, self.used) = (self.turn + 1, 0);
        }
        if self.turn == TURNS_MAX {
            let rest =
                [(Stream::Stdout, held.stdout.len() - self.stdout), (Stream::Stderr, held.stderr.len() - self.stderr)];
            if let Some((stream, length)) = rest.into_iter().find(|(_, length)| *length > 0) {
                return self.read(&held, stream, length);
            }
        }
        held.result.clone().map(|result| Event::Finished { result })
    }

    fn read(&mut self, held: &Held, stream: Stream, length: usize) -> Option<Event> {
        let (bytes, at) = match stream {
            Stream::Stdout => (&held.stdout, &mut self.stdout),
            Stream::Stderr => (&held.stderr, &mut self.stderr),
        };
        let data = bytes.get(*at..*at + length.min(CHUNK))?.to_vec();
        *at += data.len();
        self.used += data.len();
        Some(match stream {
            Stream::Stdout => Event::Stdout { data },
            Stream::Stderr => Event::Stderr { data },
        })
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{Event, Outcome, RunResult, Transcript};

    use super::{CHUNK, Journal, TURNS_MAX};

    fn out(text: &str) -> Event {
        Event::Stdout { data: text.into() }
    }

    fn err(text: &str) -> Event {
        Event::Stderr { data: text.into() }
    }

    fn end() -> Event {
        Event::Finished { result: RunResult::failed(Outcome::Completed, "") }
    }

    #[tokio::test]
    async fn a_late_reader_is_told_the_same_as_an_early_one() {
        let journal = Journal::new();
        let mut early = journal.reader();
        for event in [Event::Started, out("a"), err("b"), out("c")] {
            journal.push(event.clone());
            assert_eq!(early.next().await, Some(event));
        }
        journal.push(out("d"));
        assert_eq!(early.next().await, Some(out("d")));
        journal.push(end());
        let mut late = journal.reader();
        for event in [Event::Started, out("a"), err("b"), out("cd"), end()] {
            assert_eq!(late.next().await, Some(event));
        }
        assert_eq!((early.next().await, early.next().await, late.next().await), (Some(end()), None, None));
    }

    #[tokio::test]
    async fn a_reader_wakes_for_what_comes() {
        let journal = Journal::new();
        let mut reader = journal.reader();
        let waiting = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        journal.push(Event::Started);
        assert_eq!(waiting.await.expect("no panic"), Some(Event::Started));
    }

    #[tokio::test]
    async fn many_turns_and_long_streams_lose_no_byte() {
        let journal = Journal::new();
        journal.push(Event::Started);
        for _ in 0..TURNS_MAX {
            journal.push(out("o"));
            journal.push(err("e"));
        }
        journal.push(out(&"x".repeat(CHUNK + 1)));
        journal.push(end());
        let (mut reader, mut transcript) = (journal.reader(), Transcript::default());
        while let Some(event) = reader.next().await {
            transcript.push(event, usize::MAX);
        }
        assert_eq!(transcript.stdout.len(), TURNS_MAX + CHUNK + 1);
        assert!(transcript.stderr.len() == TURNS_MAX && transcript.stderr.iter().all(|byte| *byte == b'e'));
    }
}
