//! What a run has told, folded together as it comes. However much a program writes, what is held of it is bounded; and each
//! test is judged when its case ends, by more of its output than is kept.

use std::sync::Arc;

use locus_core::cases::{Shown, judge, judged};
use locus_core::{CaseEnd, Event, FileLeft, Outcome, RunResult, TestCase, Verdict};

/// The most files that are told of, returned or not.
const FILES: usize = 64;

/// Why a file that was returned does not stand in a status.
const TOO_LARGE: &str = "it does not fit the status of a CodeRun";

/// The events of one run, folded together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Standard output; of a run with tests, what came before them.
    pub stdout: Stream,
    /// Standard error; of a run with tests, what came before them.
    pub stderr: Stream,
    /// What came of each case that was started, in the order of the tests.
    pub cases: Vec<CaseRecord>,
    /// The files that were returned, by name, as far as there is room for them.
    pub files: Vec<(String, Vec<u8>)>,
    /// Those that there is no room for.
    pub files_left: Vec<FileLeft>,
    /// How the run ended, once it has; a run with tests is judged.
    pub result: Option<RunResult>,
    tests: Arc<[TestCase]>,
    capacity: usize,
}

/// The head of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stream {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether more came.
    pub dropped: bool,
}

/// The events of one case, folded together.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRecord {
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// The judgement.
    pub verdict: Verdict,
    /// How it ended, once it has.
    pub end: Option<CaseEnd>,
}

impl Record {
    /// A record of a run with these tests. It keeps at most `capacity` bytes of each stream, of all cases together, and of
    /// all files together.
    #[must_use]
    pub fn new(tests: Arc<[TestCase]>, capacity: usize) -> Self {
        Self { tests, capacity, ..Self::default() }
    }

    /// An empty record of the same run.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::new(self.tests.clone(), self.capacity)
    }

    /// Adds an event.
    pub fn push(&mut self, event: Event) {
        let (capacity, share) = (self.capacity, self.share());
        match event {
            Event::Stdout { data } => match self.current() {
                Some((case, test)) => case.stdout.push(&data, judged_bytes(test).max(share)),
                None => self.stdout.push(&data, capacity),
            },
            Event::Stderr { data } => match self.cases.last_mut() {
                Some(case) => case.stderr.push(&data, share),
                None => self.stderr.push(&data, capacity),
            },
            Event::CaseStarted { .. } if self.cases.len() < self.tests.len() => self.cases.push(CaseRecord::new()),
            Event::Started | Event::CaseStarted { .. } => {}
            Event::CaseEnded { end } => self.end_case(end),
            Event::File { name, data } => self.push_file(name, data),
            Event::Finished { result } => self.result = Some(self.judged(result)),
        }
    }

    /// The verdicts of all tests.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let rest = self.tests.len() - self.cases.len();
        self.cases.iter().map(|case| case.verdict).chain(std::iter::repeat_n(Verdict::NotRun, rest))
    }

    /// The bytes of each stream that are kept of one case.
    fn share(&self) -> usize {
        self.capacity / self.tests.len().max(1)
    }

    /// The case that was started last, and its test.
    fn current(&mut self) -> Option<(&mut CaseRecord, &TestCase)> {
        let index = self.cases.len().checked_sub(1)?;
        Some((&mut self.cases[index], self.tests.get(index)?))
    }

    fn end_case(&mut self, end: CaseEnd) {
        let share = self.share();
        let Some((case, test)) = self.current().filter(|(case, _)| case.end.is_none()) else { return };
        case.verdict = judge(test, Shown { end: Some(&end), stdout: &case.stdout.bytes });
        case.end = Some(end);
        case.stdout.cut(share);
    }

    fn push_file(&mut self, name: String, data: Vec<u8>) {
        if self.files.len() + self.files_left.len() >= FILES {
            return;
        }
        let held: usize = self.files.iter().map(|(_, data)| data.len()).sum();
        if data.len() <= self.capacity - held {
            self.files.push((name, data));
        } else {
            self.files_left.push(too_large(name));
        }
    }

    fn judged(&self, mut result: RunResult) -> RunResult {
        result.files_left.truncate(FILES);
        judged(result, &self.verdicts().collect::<Vec<_>>())
    }
}

/// How a file is told of that was returned and does not stand in a status.
#[must_use]
pub fn too_large(name: String) -> FileLeft {
    FileLeft { name, why: TOO_LARGE.into() }
}

/// The bytes of a case's output that decide whether it is right: one more is too much.
fn judged_bytes(test: &TestCase) -> usize {
    test.output_bytes_max().map_or(0, |most| most + 1)
}

impl Stream {
    fn push(&mut self, data: &[u8], capacity: usize) {
        let room = capacity.saturating_sub(self.bytes.len()).min(data.len());
        self.bytes.extend_from_slice(&data[..room]);
        self.dropped |= room < data.len();
    }

    fn cut(&mut self, capacity: usize) {
        self.dropped |= capacity < self.bytes.len();
        self.bytes.truncate(capacity);
        self.bytes.shrink_to_fit();
    }
}

impl CaseRecord {
    fn new() -> Self {
        Self { stdout: Stream::default(), stderr: Stream::default(), verdict: Verdict::NotRun, end: None }
    }

    /// Whether its output was cut at the limit of the run.
    #[must_use]
    pub fn is_over_limit(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.outcome == Outcome::OutputLimitExceeded)
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, Checker, Event, Outcome, RunResult, TestCase, Usage, Verdict};

    use super::Record;

    fn expecting(expected: &str) -> TestCase {
        TestCase { expected_stdout: Some(expected.into()), ..TestCase::default() }
    }

    fn stdout(text: &str) -> Event {
        Event::Stdout { data: text.into() }
    }

    fn ended(outcome: Outcome) -> Event {
        let end = CaseEnd { outcome, error: String::new(), exit_code: None, signal: None, usage: Usage::default() };
        Event::CaseEnded { end }
    }

    fn record(tests: Vec<TestCase>, capacity: usize, events: impl IntoIterator<Item = Event>) -> Record {
        let mut record = Record::new(tests.into(), capacity);
        events.into_iter().for_each(|event| record.push(event));
        record
    }

    fn finished() -> Event {
        Event::Finished { result: RunResult::failed(Outcome::Completed, "") }
    }

    #[test]
    fn a_record_holds_no_more_than_its_capacity() {
        let file = |name: &str, length| Event::File { name: name.into(), data: vec![0; length] };
        let record = record(Vec::new(), 4, [stdout("aaaa"), stdout("b"), file("a", 3), file("b", 2), file("c", 1)]);
        assert_eq!((record.stdout.bytes.as_slice(), record.stdout.dropped), (&b"aaaa"[..], true));
        assert!(!record.stderr.dropped);
        assert_eq!(record.files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(record.files_left.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn each_case_is_judged_by_its_own_output_and_the_run_by_all() {
        let tests = ["1", "2", "3"].map(expecting).to_vec();
        let started = |index| Event::CaseStarted { index };
        let case = |index, text, outcome| [started(index), stdout(text), ended(outcome)];
        let right = case(0, "1\n", Outcome::Completed);
        let wrong = case(1, "1\n", Outcome::Completed);
        let late = case(2, "3\n", Outcome::TimedOut);
        let all = record(tests.clone(), 1000, [right.clone(), wrong, late].into_iter().flatten().chain([finished()]));
        let verdicts = [Verdict::Passed, Verdict::WrongOutput, Verdict::Failed];
        assert_eq!(all.verdicts().collect::<Vec<_>>(), verdicts);
        assert!(all.result.is_some_and(|result| result.outcome == Outcome::TestsFailed));
        let cut = record(tests, 1000, right.into_iter().chain([started(1), stdout("2")]));
        assert_eq!(cut.verdicts().collect::<Vec<_>>(), [Verdict::Passed, Verdict::NotRun, Verdict::NotRun]);
    }

    #[test]
    fn a_case_is_judged_by_more_than_what_is_kept_of_it_and_too_much_is_wrong() {
        let long = "x".repeat(1000);
        let judged = |expected: &str, printed: &str| {
            let events = [Event::CaseStarted { index: 0 }, stdout(printed), ended(Outcome::Completed)];
            let record = record(vec![TestCase { checker: Checker::Trimmed, ..expecting(expected) }], 10, events);
            assert!(record.cases[0].stdout.bytes.len() <= 10);
            record.cases[0].verdict
        };
        assert_eq!(judged(&long, &long), Verdict::Passed);
        assert_eq!(judged("x", &format!("x{}", " ".repeat(1000))), Verdict::Passed);
        // The last byte that is held is one that no right output has.
        let most = expecting("x").output_bytes_max().expect("it expects something");
        assert_eq!(judged("x", &format!("x{}", " ".repeat(most - 1))), Verdict::Passed);
        assert_eq!(judged("x", &format!("x{}", " ".repeat(most))), Verdict::WrongOutput);
    }

    #[test]
    fn a_runner_that_tells_of_more_cases_than_there_are_is_not_heard() {
        let events = [Event::CaseStarted { index: 0 }, ended(Outcome::Completed)];
        let record = record(vec![TestCase::default()], 10, events.into_iter().cycle().take(100));
        assert_eq!(record.cases.len(), 1);
    }
}
