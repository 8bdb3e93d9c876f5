//! One run as it is kept: what is known of it, what it has told, and what its clients ask of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use locus_core::cases::{Shown, judge, judged};
use locus_core::{
    CaseTranscript, CaseView, Event, Outcome, Phase, Run, RunRequest, RunResult, TestCase, TestsView, Text, Transcript,
    Verdict,
};
use locus_runner::embedded::Stdin;
use locus_runner::journal::{Journal, Reader};
use tokio::sync::{Semaphore, watch};

use crate::backend::files::returned;
use crate::backend::{Asked, Client, Order, Told, without_half_character};

/// What holds no more is put together at once.
const QUICK_BYTES: usize = 256 << 10;
/// How many larger runs are put together at one time: each is held twice until its answer counts it.
static ASSEMBLING: Semaphore = Semaphore::const_new(2);

/// A run of this machine.
#[derive(Debug)]
pub struct Kept {
    /// Whose it is.
    pub client: Client,
    /// The digest of the request, where it is to be taken once.
    pub digest: Option<String>,
    /// How long it is kept for after its end.
    pub keep: Duration,
    /// Whether its program may be sent input while it runs.
    pub interactive: bool,
    /// What was asked for, where it has a note.
    pub asked: Option<Asked>,
    tests: Vec<TestCase>,
    journal: Arc<Journal>,
    /// The run without what its program wrote, which the journal holds.
    known: Mutex<Run>,
    /// How far it is by that.
    phase: watch::Sender<Phase>,
    /// The program's standard input, once it has been started.
    stdin: watch::Sender<Option<Stdin>>,
    cancelled: watch::Sender<bool>,
}

impl Kept {
    /// A run that waits for its turn.
    pub fn new(run: Run, order: Order) -> Self {
        let Order { request, client, once, keep_seconds, note } = order;
        let asked = note.map(|note| Asked { request: request.clone(), note: Some(note) });
        Self {
            asked,
            client,
            digest: once.map(|once| once.digest),
            keep: Duration::from_secs(keep_seconds.into()),
            interactive: request.interactive,
            tests: request.tests,
            journal: Journal::new(),
            phase: watch::Sender::new(run.phase),
            known: Mutex::new(run),
            stdin: watch::Sender::new(None),
            cancelled: watch::Sender::new(false),
        }
    }

    /// Keeps an event. The end is [`Self::end`]'s.
    pub fn tell(&self, event: Event) {
        self.journal.push(event);
    }

    /// From now on a runner has it.
    pub fn start(&self) {
        let mut run = self.known();
        (run.phase, run.started_at) = (Phase::Running, Some(now()));
        "Running".clone_into(&mut run.reason);
        self.phase.send_replace(run.phase);
    }

    /// Its program may be sent input from now on, as far as it takes any.
    pub fn open(&self, stdin: Stdin) {
        self.stdin.send_replace(Some(stdin));
    }

    /// Where its input goes; waits for its turn. None where it ended before it came.
    pub async fn stdin(&self) -> Option<Stdin> {
        let mut stdin = self.stdin.subscribe();
        tokio::select! {
            biased;
            stdin = stdin.wait_for(Option::is_some) => stdin.ok()?.clone(),
            () = self.ended() => None,
        }
    }

    /// From now on it is over.
    pub fn end(&self, result: RunResult) {
        let (mut result, tests) = if self.tests.is_empty() { (result, None) } else { self.judge(result) };
        // What the compiler wrote is kept once.
        let compile = result.compile.take();
        self.journal.push(Event::Finished { result: result.clone() });
        result.compile = compile;
        let mut run = self.known();
        let ended = Run { tests, finished_at: Some(now()), ..std::mem::take(&mut *run) };
        *run = ended.ended(result);
        self.phase.send_replace(run.phase);
    }

    fn judge(&self, result: RunResult) -> (RunResult, Option<TestsView>) {
        let cases = self.transcript().cases;
        let verdicts: Vec<Verdict> =
            self.tests.iter().enumerate().map(|(index, test)| verdict(test, cases.get(index))).collect();
        let tests = TestsView {
            passed: verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count(),
            total: verdicts.len(),
            cases: self.tests.iter().zip(&verdicts).map(|(test, verdict)| unread(test, *verdict)).collect(),
        };
        (judged(result, &verdicts), Some(tests))
    }

    /// Asks it to stop.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Waits until it is asked to stop.
    pub async fn cancelled(&self) {
        // The sender is this value's own, so it is there.
        let _ = self.cancelled.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        let _ = self.phase.subscribe().wait_for(|phase| phase.is_over()).await;
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.known().id.clone()
    }

    /// What lists tell of it.
    pub fn summary(&self) -> Run {
        self.known().summary()
    }

    /// All of it: with its output, once it has ended. What takes long to put together keeps nobody else waiting, and is
    /// not put together for many at one time.
    pub async fn whole(self: &Arc<Self>) -> Run {
        if self.output() <= QUICK_BYTES {
            return self.assembled();
        }
        // Never closed.
        let turn = ASSEMBLING.acquire().await;
        let kept = self.clone();
        let assembled = tokio::task::spawn_blocking(move || (kept.assembled(), turn)).await;
        // It does not panic, and nobody aborts it.
        assembled.map_or_else(|_| self.summary(), |(run, _turn)| run)
    }

    fn assembled(&self) -> Run {
        let run = self.known().clone();
        if run.is_over() { with_output(run, self.transcript()) } else { run }
    }

    /// A panic elsewhere leaves plain data behind, which is still good.
    fn known(&self) -> MutexGuard<'_, Run> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes it holds of what clients and programs may make large: output, a compiler's too, files, tests, and what
    /// was asked for.
    pub fn size(&self) -> usize {
        let asked = self.asked.as_ref().map_or(0, |Asked { request, note }| {
            size_of(request) + size_of_tests(&request.tests) + note.as_ref().map_or(0, String::len)
        });
        self.output() + size_of_tests(&self.tests) + asked
    }

    /// How many of them its program has written, or its compiler.
    pub fn output(&self) -> usize {
        let compile = self.known().compile.as_ref().map_or(0, |compile| compile.stdout.len() + compile.stderr.len());
        self.journal.size() + compile
    }

    /// What is told of it by now. Nothing that was pushed has to be waited for.
    fn transcript(&self) -> Transcript {
        let (mut reader, mut transcript) = (self.journal.reader(), Transcript::default());
        while let Some(Some(event)) = reader.next().now_or_never() {
            transcript.push(event, usize::MAX);
        }
        transcript
    }

    /// Tells of it from its beginning to its end.
    pub fn watch(self: &Arc<Self>) -> Watch {
        Watch {
            phase: self.phase.subscribe(),
            reader: self.journal.reader(),
            kept: Arc::downgrade(self),
            _held: self.keep.is_zero().then(|| self.clone()),
            told: None,
        }
    }
}

/// A watch on a run. It does not keep the run: one that has to leave does, whoever is slow to read of it, and the watch
/// breaks off.
pub struct Watch {
    kept: Weak<Kept>,
    /// One that is not kept leaves when its end is told, and may be watched until then by whoever took it: nobody else
    /// knows of it.
    _held: Option<Arc<Kept>>,
    phase: watch::Receiver<Phase>,
    reader: Reader,
    /// The phase that was told last.
    told: Option<Phase>,
}

impl Watch {
    /// What comes next; nothing after the end, or when the run is gone.
    pub async fn next(&mut self) -> Option<Told> {
        if self.told.is_none() || self.told == Some(Phase::Pending) {
            let told = self.told;
            self.phase.wait_for(|phase| Some(*phase) != told).await.ok()?;
            let run = self.kept.upgrade()?.summary();
            self.told = Some(run.phase);
            return Some(Told::State(Box::new(run)));
        }
        loop {
            match self.reader.next().await? {
                Event::Started => {}
                Event::Finished { .. } => break,
                event => return Some(Told::Event(event)),
            }
        }
        self.phase.wait_for(|phase| phase.is_over()).await.ok()?;
        Some(Told::Ended(Box::new(self.kept.upgrade()?.whole().await)))
    }
}

fn size_of_tests(tests: &[TestCase]) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    tests.iter().map(|test| test.stdin.len() + text(&test.expected_stdout) + total(test.args.iter().flatten())).sum()
}

/// The bytes of a request beside those of its tests.
fn size_of(request: &RunRequest) -> usize {
    let files = request.files.iter().map(|file| file.name.len() + file.content.len());
    let env = request.env.iter().map(|variable| variable.name.len() + variable.value.len());
    let lists = [&request.args, &request.compile_args, &request.output_files].map(total);
    request.code.as_ref().map_or(0, String::len) + request.stdin.len() + files.chain(env).chain(lists).sum::<usize>()
}

fn total<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    texts.into_iter().map(String::len).sum()
}

fn verdict(test: &TestCase, case: Option<&CaseTranscript>) -> Verdict {
    let stdout = case.map_or(&[][..], |case| &case.stdout);
    judge(test, Shown { end: case.and_then(|case| case.end.as_ref()), stdout })
}

/// A judged case without what its program wrote.
fn unread(test: &TestCase, verdict: Verdict) -> CaseView {
    CaseView {
        name: test.name.clone(),
        verdict,
        end: None,
        stdout: None,
        stdout_base64: None,
        stderr: None,
        stderr_base64: None,
        truncated: false,
    }
}

/// A run that has ended, with what its program wrote.
fn with_output(run: Run, transcript: Transcript) -> Run {
    let (stdout, stderr) =
        (stream(transcript.stdout, run.stdout_truncated), stream(transcript.stderr, run.stderr_truncated));
    let tests = run.tests.map(|tests| {
        let shown = transcript.cases.into_iter().map(Some).chain(std::iter::repeat(None));
        TestsView { cases: tests.cases.into_iter().zip(shown).map(case_with_output).collect(), ..tests }
    });
    Run {
        stdout: stdout.text,
        stdout_base64: stdout.base64,
        stderr: stderr.text,
        stderr_base64: stderr.base64,
        tests,
        files: transcript.files.into_iter().map(|(name, bytes)| returned(name, bytes)).collect(),
        ..run
    }
}

fn case_with_output((case, shown): (CaseView, Option<CaseTranscript>)) -> CaseView {
    let Some(CaseTranscript { stdout, stderr, end }) = shown else { return case };
    let truncated = end.as_ref().is_some_and(|end| end.outcome == Outcome::OutputLimitExceeded);
    let (stdout, stderr) = (stream(stdout, truncated), stream(stderr, truncated));
    CaseView {
        end,
        stdout: stdout.text,
        stdout_base64: stdout.base64,
        stderr: stderr.text,
        stderr_base64: stderr.base64,
        truncated,
        ..case
    }
}

/// What stands for a stream; one that was cut ends in a whole character.
fn stream(bytes: Vec<u8>, was_cut: bool) -> Text {
    Text::of(if was_cut { without_half_character(bytes) } else { bytes })
}

/// The time in RFC 3339, always as long, so that texts are in the order of time.
pub fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}
