//! The events of a run, kept for every reader that comes, early or late.
//!
//! What a journal holds is bounded: each stream by the output limit of the run, what files hold by the runner, which
//! returns 4 MiB at most, and the order of it all by [`TURNS_MAX`]. Marks (cases and files) come from the runner alone,
//! which tells no more of them than two a case and one a file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use locus_core::{Event, RunResult};
use tokio::sync::watch;

/// The most bytes of a replayed event.
const CHUNK: usize = 32 * 1024;
/// How many changes between stdout and stderr are remembered. A program that alternates byte by byte
/// would else fill the memory of who keeps the journal; past this many, only the order within each stream, and between
/// each stream and the marks, is kept.
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
    /// Bytes that stand in the marks.
    marked: usize,
    turns: Vec<Turn>,
    /// How many of the turns are output.
    outputs: usize,
    result: Option<RunResult>,
}

/// What was told between two changes.
#[derive(Debug)]
enum Turn {
    /// So many bytes of the streams: of one alone, as long as changes are remembered.
    Output(Lengths),
    /// An event that has its place among the output.
    Mark(Box<Event>),
}

/// Bytes of each stream.
#[derive(Debug, Clone, Copy, Default)]
struct Lengths {
    stdout: usize,
    stderr: usize,
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

impl Journal {
    /// Without events.
    #[must_use]
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
            Event::CaseStarted { .. } | Event::CaseEnded { .. } | Event::File { .. } => held.mark(event),
            Event::Finished { result } => held.result = Some(result),
        }
        drop(held);
        self.changed.send_replace(());
    }

    /// The result, once the run has ended.
    #[must_use]
    pub fn result(&self) -> Option<RunResult> {
        self.lock().result.clone()
    }

    /// Bytes of output and files that it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        let held = self.lock();
        held.stdout.len() + held.stderr.len() + held.marked
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
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        let (changed, none) = (self.changed.subscribe(), Lengths::default());
        Reader { journal: Arc::downgrade(self), changed, started: false, read: none, turn: 0, used: none, ended: false }
    }

    /// A panic elsewhere leaves plain data behind, which is still good.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn append(&mut self, stream: Stream, data: &[u8]) {
        let full = self.outputs == TURNS_MAX;
        match self.turns.last_mut() {
            Some(Turn::Output(last)) if full || last.is_of(stream) => *last.of_mut(stream) += data.len(),
            // After a mark too when it is full: else the output would be that of the case before.
            _ => {
                let mut lengths = Lengths::default();
                *lengths.of_mut(stream) = data.len();
                self.turns.push(Turn::Output(lengths));
                self.outputs = TURNS_MAX.min(self.outputs + 1);
            }
        }
        match stream {
            Stream::Stdout => self.stdout.extend_from_slice(data),
            Stream::Stderr => self.stderr.extend_from_slice(data),
        }
    }

    fn mark(&mut self, event: Event) {
        if let Event::File { name, data } = &event {
            self.marked += name.len() + data.len();
        }
        self.turns.push(Turn::Mark(Box::new(event)));
    }
}

impl Lengths {
    fn is_of(self, stream: Stream) -> bool {
        match stream {
            Stream::Stdout => self.stderr == 0,
            Stream::Stderr => self.stdout == 0,
        }
    }

    fn of(self, stream: Stream) -> usize {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }

    fn of_mut(&mut self, stream: Stream) -> &mut usize {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

/// One reader's place in a journal. It holds nothing of it: when whoever keeps the journal has let it go, there is nothing
/// more to read.
#[derive(Debug)]
pub struct Reader {
    journal: Weak<Journal>,
    changed: watch::Receiver<()>,
    started: bool,
    /// How much of each stream has been read.
    read: Lengths,
    /// The turn that is being read, and how much of it has been.
    turn: usize,
    used: Lengths,
    ended: bool,
}

impl Reader {
    /// The next event; `None` after the last one, or when the journal is gone.
    pub async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            // Not held while it waits.
            if let Some(event) = self.ready(&*self.journal.upgrade()?) {
                self.ended = matches!(event, Event::Finished { .. });
                return Some(event);
            }
            let _ = self.changed.changed().await;
        }
        None
    }

    fn ready(&mut self, journal: &Journal) -> Option<Event> {
        let held = journal.lock();
        if held.started && !self.started {
            self.started = true;
            return Some(Event::Started);
        }
        while let Some(turn) = held.turns.get(self.turn) {
            match turn {
                Turn::Mark(event) => {
                    self.turn += 1;
                    return Some((**event).clone());
                }
                Turn::Output(lengths) => {
                    for stream in [Stream::Stdout, Stream::Stderr] {
                        let left = lengths.of(stream) - self.used.of(stream);
                        if left > 0 {
                            return self.read(&held, stream, left);
                        }
                    }
                    if self.turn + 1 == held.turns.len() {
                        // The last turn may still grow.
                        break;
                    }
                    (self.turn, self.used) = (self.turn + 1, Lengths::default());
                }
            }
        }
        held.result.clone().map(|result| Event::Finished { result })
    }

    fn read(&mut self, held: &Held, stream: Stream, length: usize) -> Option<Event> {
        let bytes = match stream {
            Stream::Stdout => &held.stdout,
            Stream::Stderr => &held.stderr,
        };
        let at = self.read.of(stream);
        let data = bytes.get(at..at + length.min(CHUNK))?.to_vec();
        *self.read.of_mut(stream) += data.len();
        *self.used.of_mut(stream) += data.len();
        Some(match stream {
            Stream::Stdout => Event::Stdout { data },
            Stream::Stderr => Event::Stderr { data },
        })
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, Event, Outcome, RunResult, Transcript, Usage};

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
    async fn a_reader_holds_nothing_and_ends_with_its_journal() {
        let journal = Journal::new();
        journal.push(out("a"));
        let (mut early, mut late) = (journal.reader(), journal.reader());
        assert_eq!(early.next().await, Some(out("a")));
        let waiting = tokio::spawn(async move { early.next().await });
        tokio::task::yield_now().await;
        drop(journal);
        assert_eq!((waiting.await.expect("no panic"), late.next().await), (None, None));
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

    fn case_end() -> CaseEnd {
        let usage = Usage::default();
        CaseEnd { outcome: Outcome::Completed, error: String::new(), exit_code: Some(0), signal: None, usage }
    }

    #[tokio::test]
    async fn marks_keep_their_place_among_the_output() {
        let journal = Journal::new();
        let file = Event::File { name: "a".into(), data: vec![0; 3] };
        let events = [
            Event::Started,
            Event::CaseStarted { index: 0 },
            out("a"),
            Event::CaseEnded { end: case_end() },
            Event::CaseStarted { index: 1 },
            Event::CaseEnded { end: case_end() },
            Event::CaseStarted { index: 2 },
            out("b"),
            err("c"),
            Event::CaseEnded { end: case_end() },
            file,
            end(),
        ];
        let mut early = journal.reader();
        for event in &events {
            journal.push(event.clone());
            assert_eq!(early.next().await.as_ref(), Some(event));
        }
        let mut late = journal.reader();
        for event in &events {
            assert_eq!(late.next().await.as_ref(), Some(event));
        }
        assert_eq!((late.next().await, journal.size()), (None, 7));
    }

    #[tokio::test]
    async fn output_is_that_of_its_case_however_many_turns_there_were() {
        let journal = Journal::new();
        let mut early = journal.reader();
        let mut told = Transcript::default();
        journal.push(Event::Started);
        for index in 0..3 {
            journal.push(Event::CaseStarted { index });
            for _ in 0..TURNS_MAX {
                journal.push(out(&index.to_string()));
                journal.push(err(&index.to_string()));
            }
            journal.push(Event::CaseEnded { end: case_end() });
            // It has read a part of what is not over yet.
            for _ in 0..10 {
                told.push(early.next().await.expect("there is more"), usize::MAX);
            }
        }
        journal.push(end());
        assert!(journal.lock().turns.len() <= TURNS_MAX + 9, "it is bounded");
        let (mut late, mut again) = (journal.reader(), Transcript::default());
        while let Some(event) = early.next().await {
            told.push(event, usize::MAX);
        }
        while let Some(event) = late.next().await {
            again.push(event, usize::MAX);
        }
        assert_eq!(told, again);
        for (index, case) in told.cases.iter().enumerate() {
            let text = index.to_string().repeat(TURNS_MAX);
            assert!(case.stdout == text.as_bytes() && case.stderr == text.as_bytes() && case.end.is_some(), "{index}");
        }
    }
}
