//! What of a run's tests and files stands in a status. What is always told has its room set aside before anything else;
//! the output of cases and the content of files get what is left at the end.

use locus_api::{CaseStatus, CodeRun, FileEncoding, FileLeftStatus, FileStatus, TestsStatus};
use locus_core::{FileLeft, RunResult, Verdict};

use crate::fit::{Head, encoded_len, head};
use crate::record::{CaseRecord, Record, Stream, too_large};

/// What a case takes with its verdict alone.
const VERDICT_BYTES: usize = 72;

/// What it takes beside its name, its error and its output.
const CASE_BYTES: usize = 400;

/// The most bytes of a case's error sentence, and of the reason why a file is left.
const SENTENCE_BYTES: usize = 256;

/// The most bytes of a file's name: 255 characters, each of which may take six.
const NAME_BYTES: usize = 255 * 6;

/// What a file takes beside its name and its content or reason.
const FILE_BYTES: usize = 64;

/// The part of a status that tells of tests and files.
pub struct Shown<'a> {
    /// The tests, where the run has some.
    pub tests: Option<TestsStatus>,
    /// The files that stand there.
    pub files: Vec<FileStatus>,
    /// Those that do not.
    pub files_left: Vec<FileLeftStatus>,
    /// Whether something is cut or left out only because a status holds no more.
    pub is_cut: bool,
    /// Whether there is room for what cases wrote.
    with_output: bool,
    cases: &'a [CaseRecord],
    /// The files that may still stand there, with what is set aside for telling that they do not.
    pending: Vec<(&'a str, &'a [u8], usize)>,
}

impl<'a> Shown<'a> {
    /// What is always told: every verdict, and every file. Gives what is left of the room.
    pub fn of(run: &CodeRun, result: &RunResult, record: &'a Record, room: usize) -> (Self, usize) {
        let mut shown = Self {
            tests: None,
            files: Vec::new(),
            files_left: Vec::new(),
            is_cut: !record.files_left.is_empty(),
            with_output: false,
            cases: &record.cases,
            pending: Vec::new(),
        };
        let room = room - shown.tell_tests(run, room);
        let room = room - shown.tell_files(result, record, room / 4);
        (shown, room)
    }

    fn tell_tests(&mut self, run: &CodeRun, room: usize) -> usize {
        let Some(tests) = &run.spec.tests else { return 0 };
        let case = |(index, test): (usize, &locus_api::Test)| whole(test.name.as_deref(), self.cases.get(index));
        let told: Vec<(CaseStatus, usize)> = tests.iter().enumerate().map(case).collect();
        let cost = told.iter().map(|(_, cost)| cost).sum();
        let mut cases: Vec<CaseStatus> = told.into_iter().map(|(case, _)| case).collect();
        self.with_output = cost <= room / 2;
        let cost = if self.with_output { cost } else { (VERDICT_BYTES * cases.len()).min(room) };
        if !self.with_output {
            self.is_cut |= !self.cases.is_empty();
            let bare = |case: CaseStatus| {
                let truncated = case.outcome.is_some();
                CaseStatus { verdict: case.verdict, outcome: case.outcome, truncated, ..CaseStatus::default() }
            };
            cases = cases.into_iter().map(bare).collect();
        }
        let passed = self.cases.iter().filter(|case| case.verdict == Verdict::Passed).count();
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        self.tests = Some(TestsStatus { passed: count(passed), total: count(cases.len()), cases });
        cost
    }

    fn tell_files(&mut self, result: &RunResult, record: &'a Record, room: usize) -> usize {
        let mut cost = 0;
        let mut fits = |left: &FileLeftStatus| {
            let more = FILE_BYTES + encoded_len(&left.name) + encoded_len(&left.why);
            let fits = cost + more <= room;
            cost += if fits { more } else { 0 };
            fits.then_some(more)
        };
        for file in result.files_left.iter().chain(&record.files_left) {
            let left = bounded(file);
            match fits(&left) {
                Some(_) => self.files_left.push(left),
                None => self.is_cut = true,
            }
        }
        for (name, data) in &record.files {
            match fits(&bounded(&too_large(name.clone()))) {
                Some(cost) => self.pending.push((name, data, cost)),
                None => self.is_cut = true,
            }
        }
        cost
    }

    /// Adds what cases wrote, each as much as any other where not all of it fits, and then the files that fit whole.
    pub fn fill(&mut self, room: usize) {
        let mut room = if self.with_output { self.fill_cases(room) } else { room };
        for (name, data, set_aside) in std::mem::take(&mut self.pending) {
            let with_it = room + set_aside;
            let frame = FILE_BYTES + encoded_len(name);
            let content = with_it.checked_sub(frame).map(|room| head(data, false, room)).filter(|head| !head.cut);
            let Some(Head { content, base64, cost, .. }) = content else {
                self.is_cut = true;
                self.files_left.push(bounded(&too_large(name.to_owned())));
                continue;
            };
            room = with_it - frame - cost;
            let encoding = base64.then_some(FileEncoding::Base64);
            self.files.push(FileStatus { name: name.to_owned(), content, encoding });
        }
    }

    fn fill_cases(&mut self, mut room: usize) -> usize {
        let Some(tests) = &mut self.tests else { return room };
        let both = |(index, case): (usize, &'a CaseRecord)| [(index, false, &case.stdout), (index, true, &case.stderr)];
        let mut streams: Vec<(usize, bool, &Stream)> = self.cases.iter().enumerate().flat_map(both).collect();
        // The shortest first: what it does not need is for those that need more.
        streams.sort_by_key(|(_, _, stream)| stream.bytes.len());
        let count = streams.len();
        for (place, (index, is_stderr, stream)) in streams.into_iter().enumerate() {
            let head = head(&stream.bytes, stream.dropped, room / (count - place));
            room -= head.cost;
            let over = self.cases[index].is_over_limit();
            self.is_cut |= head.cut && !over;
            let case = &mut tests.cases[index];
            case.truncated |= head.cut || over;
            if is_stderr {
                (case.stderr, case.stderr_base64) = head.fields();
            } else {
                (case.stdout, case.stdout_base64) = head.fields();
            }
        }
        room
    }
}

/// A case without its output, and the most bytes that it takes.
fn whole(name: Option<&str>, case: Option<&CaseRecord>) -> (CaseStatus, usize) {
    let end = case.and_then(|case| case.end.as_ref());
    let sentence = |text: &str| head(text.as_bytes(), false, SENTENCE_BYTES).content;
    let status = CaseStatus {
        name: name.map(str::to_owned),
        verdict: format!("{:?}", case.map_or(Verdict::NotRun, |case| case.verdict)),
        outcome: end.map(|end| end.outcome.as_str().to_owned()),
        error: end.map(|end| sentence(&end.error)),
        exit_code: end.and_then(|end| end.exit_code),
        signal: end.and_then(|end| end.signal.clone()),
        usage: end.map(|end| end.usage.into()),
        ..CaseStatus::default()
    };
    let texts = [&status.name, &status.error, &status.signal];
    let cost = CASE_BYTES + texts.into_iter().flatten().map(|text| encoded_len(text)).sum::<usize>();
    (status, cost)
}

fn bounded(file: &FileLeft) -> FileLeftStatus {
    let text = |text: &str, room| head(text.as_bytes(), false, room).content;
    FileLeftStatus { name: text(&file.name, NAME_BYTES), why: text(&file.why, SENTENCE_BYTES) }
}
