//! How a run ended, as Judge0 tells it.

use locus_core::{CaseView, Outcome, Run, Usage, Verdict, view};

use super::run::cpu_limit;
use super::status::{self, FILE_TOO_LARGE, KILLED, Status, signal_number};
use super::submission::Attributes;

/// What is known of a submission by now.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// Its status.
    pub status: Status,
    /// What its program wrote, if it wrote anything.
    pub stdout: Option<Vec<u8>>,
    /// The same of standard error.
    pub stderr: Option<Vec<u8>>,
    /// What its compiler wrote, if it did.
    pub compile_output: Option<String>,
    /// What there is to say of the end.
    pub message: Option<String>,
    /// The exit status, where the program was run; 0 if a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub exit_signal: Option<i32>,
    /// Seconds of cpu time, over all of its runs.
    pub time: Option<f64>,
    /// Seconds of wall-clock time of the last one.
    pub wall_time: Option<f64>,
    /// Kilobytes of memory, over all of its runs.
    pub memory: Option<i64>,
}

impl End {
    const fn of(status: Status) -> Self {
        Self {
            status,
            stdout: None,
            stderr: None,
            compile_output: None,
            message: None,
            exit_code: None,
            exit_signal: None,
            time: None,
            wall_time: None,
            memory: None,
        }
    }
}

/// One time that the program was run.
struct Once {
    outcome: Outcome,
    exit_code: Option<i32>,
    signal: Option<String>,
    usage: Usage,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Whether it printed what it was to.
    is_right: bool,
}

/// What a run is as a submission. `expected` is what it was to print.
pub fn of(run: &Run, attributes: &Attributes, expected: Option<&str>) -> End {
    let Some(outcome) = run.outcome else {
        let is_waiting = run.phase == locus_core::Phase::Pending;
        return End::of(if is_waiting { status::IN_QUEUE } else { status::PROCESSING });
    };
    let compile = run.compile.as_ref();
    let compile_output =
        compile.map(|compile| format!("{}{}", compile.stdout, compile.stderr)).filter(|text| !text.is_empty());
    if compile.is_some_and(|compile| compile.exit_code != Some(0)) && !is_of_the_platform(outcome) {
        let is_late = outcome == Outcome::TimedOut;
        let compile_output = if is_late { Some("Compilation time limit exceeded.".to_owned()) } else { compile_output };
        return End { compile_output, ..End::of(status::COMPILATION_ERROR) };
    }
    let times = match &run.tests {
        Some(tests) => counted(&tests.cases, expected),
        None if is_of_the_platform(outcome) => Vec::new(),
        None => vec![once(run, outcome)],
    };
    let Some(last) = times.last() else {
        // A submission that was not run has the platform's own words.
        let message = Some(run.error.clone()).filter(|error| !error.is_empty());
        return End { compile_output, message, ..End::of(status::INTERNAL_ERROR) };
    };
    let (status, message, exit_signal) = judged(last, attributes);
    #[allow(clippy::cast_precision_loss, reason = "there are few, and no program has so much memory")]
    let (count, memory) = (times.len() as f64, times.iter().map(|once| once.usage.memory_peak_bytes as f64 / 1024.0));
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| bytes.to_vec());
    End {
        stdout: text(&last.stdout),
        stderr: text(&last.stderr),
        compile_output,
        message,
        exit_code: Some(last.exit_code.filter(|_| exit_signal.is_none()).unwrap_or_default()),
        exit_signal,
        time: Some(milliseconds(times.iter().map(|once| milliseconds(once.usage.cpu_seconds)).sum::<f64>() / count)),
        wall_time: Some(milliseconds(last.usage.wall_seconds)),
        memory: Some(super::casts::whole(memory.sum::<f64>() / count)),
        ..End::of(status)
    }
}

/// Nothing was found out about the program.
const fn is_of_the_platform(outcome: Outcome) -> bool {
    outcome.is_platform_failure()
        || matches!(outcome, Outcome::Cancelled | Outcome::UnknownLanguage | Outcome::InvalidRequest)
}

/// A number of seconds as it is measured there.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

fn once(run: &Run, outcome: Outcome) -> Once {
    Once {
        outcome,
        exit_code: run.exit_code,
        signal: run.signal.clone(),
        usage: run.usage.unwrap_or_default(),
        stdout: bytes(run.stdout.as_deref(), run.stdout_base64.as_deref()),
        stderr: bytes(run.stderr.as_deref(), run.stderr_base64.as_deref()),
        is_right: true,
    }
}

/// The times that count: Judge0 does not run a program again that was not right.
fn counted(cases: &[CaseView], expected: Option<&str>) -> Vec<Once> {
    let mut times = Vec::new();
    for case in cases {
        let Some(end) = &case.end else { break };
        if is_of_the_platform(end.outcome) {
            break;
        }
        let stdout = bytes(case.stdout.as_deref(), case.stdout_base64.as_deref());
        let is_right = match (case.verdict, expected) {
            // There no output at all is no text, not even an empty one.
            (Verdict::Passed, Some(_)) => !stdout.is_empty(),
            (Verdict::Passed, None) => true,
            (Verdict::WrongOutput, Some(expected)) if !case.truncated => is_alike(&stdout, expected.as_bytes()),
            _ => false,
        };
        times.push(Once {
            outcome: end.outcome,
            exit_code: end.exit_code,
            signal: end.signal.clone(),
            usage: end.usage,
            stdout,
            stderr: bytes(case.stderr.as_deref(), case.stderr_base64.as_deref()),
            is_right,
        });
        if !is_right {
            break;
        }
    }
    times
}

/// Whether output is the expected one as it is compared there: what is no matter at the ends of lines is more than the white
/// space that a run's own tests pass over.
fn is_alike(stdout: &[u8], expected: &[u8]) -> bool {
    let lines = |text| stripped(text).split(|byte| *byte == b'\n').map(stripped);
    !stdout.is_empty() && lines(stdout).eq(lines(expected))
}

fn stripped(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\0' | b'\t'..=b'\r' | b' ')).map_or(0, |last| last + 1);
    &text[..end]
}

fn bytes(text: Option<&str>, base64: Option<&str>) -> Vec<u8> {
    view::bytes(text, base64).unwrap_or_default()
}

fn judged(once: &Once, attributes: &Attributes) -> (Status, Option<String>, Option<i32>) {
    let by_signal =
        |number: i32| (Status::of_signal(number), Some(format!("Caught fatal signal {number}")), Some(number));
    let used_up = cpu_limit(attributes).is_some_and(|limit| once.usage.cpu_seconds > limit);
    let late = |words: &str| (status::TIME_LIMIT_EXCEEDED, Some(words.to_owned()), None);
    match once.outcome {
        Outcome::TimedOut if used_up => late("Time limit exceeded"),
        Outcome::TimedOut => late("Time limit exceeded (wall clock)"),
        Outcome::OutOfMemory => by_signal(KILLED),
        Outcome::OutputLimitExceeded => by_signal(FILE_TOO_LARGE),
        Outcome::Signaled => by_signal(once.signal.as_deref().map_or(KILLED, signal_number)),
        Outcome::NonZeroExit => {
            let message = format!("Exited with error code {}", once.exit_code.unwrap_or(1));
            (status::NON_ZERO_EXIT, Some(message), None)
        }
        // It has ended by itself within the time that it was given beyond its limit.
        _ if used_up => late("Time limit exceeded"),
        _ if once.is_right => (status::ACCEPTED, None, None),
        _ => (status::WRONG_ANSWER, None, None),
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, CaseView, CompileResult, Outcome, Phase, Run, RunResult, TestsView, Usage, Verdict};

    use super::{End, of};
    use crate::compat::judge0::submission::{Attributes, attributes};

    fn some() -> Attributes {
        Attributes { cpu_time_limit: 1.0, ..attributes() }
    }

    fn ended(outcome: Outcome, usage: Usage) -> Run {
        Run::default().ended(RunResult { usage, ..RunResult::failed(outcome, "its words") })
    }

    fn usage(cpu_seconds: f64) -> Usage {
        Usage { wall_seconds: 0.5, cpu_seconds, memory_peak_bytes: 3 << 20 }
    }

    #[test]
    fn a_run_that_has_not_ended_has_no_result() {
        for (phase, id) in [(Phase::Pending, 1), (Phase::Running, 2)] {
            let end = of(&Run { phase, ..Run::default() }, &some(), None);
            assert_eq!((end.status.id, end.time, end.exit_code), (id, None, None));
        }
    }

    #[test]
    fn each_outcome_has_its_status() {
        let told = |outcome, cpu| {
            let End { status, message, exit_code, exit_signal, .. } = of(&ended(outcome, usage(cpu)), &some(), None);
            (status.id, message.unwrap_or_default(), exit_code, exit_signal)
        };
        for (outcome, cpu, id, message, exit_code, exit_signal) in [
            (Outcome::Completed, 0.2, 3, "", Some(0), None),
            (Outcome::Completed, 1.2, 5, "Time limit exceeded", Some(0), None),
            (Outcome::TimedOut, 1.2, 5, "Time limit exceeded", Some(0), None),
            (Outcome::TimedOut, 0.2, 5, "Time limit exceeded (wall clock)", Some(0), None),
            (Outcome::OutOfMemory, 0.2, 12, "Caught fatal signal 9", Some(0), Some(9)),
            (Outcome::OutputLimitExceeded, 0.2, 8, "Caught fatal signal 25", Some(0), Some(25)),
            (Outcome::NonZeroExit, 0.2, 11, "Exited with error code 1", Some(0), None),
            (Outcome::Cancelled, 0.2, 13, "its words", None, None),
            (Outcome::NodeLost, 0.2, 13, "its words", None, None),
            (Outcome::RunnerFailed, 0.2, 13, "its words", None, None),
        ] {
            assert_eq!(told(outcome, cpu), (id, message.to_owned(), exit_code, exit_signal), "{outcome} {cpu}");
        }
    }

    #[test]
    fn a_compiler_that_does_not_end_well_is_a_compilation_error() {
        for (outcome, output) in [
            (Outcome::CompileFailed, "oe"),
            (Outcome::TimedOut, "Compilation time limit exceeded."),
            (Outcome::OutOfMemory, "oe"),
        ] {
            let compile = CompileResult { stdout: "o".into(), stderr: "e".into(), exit_code: None };
            let end = of(&Run { compile: Some(compile), ..ended(outcome, usage(1.0)) }, &some(), None);
            assert_eq!((end.status.id, end.compile_output.as_deref(), end.time), (6, Some(output), None), "{outcome}");
        }
        let compile = CompileResult { stderr: "a warning".into(), exit_code: Some(0), ..CompileResult::default() };
        let end = of(&Run { compile: Some(compile), ..ended(Outcome::Completed, usage(0.1)) }, &some(), None);
        assert_eq!((end.status.id, end.compile_output.as_deref()), (3, Some("a warning")));
    }

    fn case(verdict: Verdict, outcome: Outcome, cpu: f64) -> CaseView {
        let end = CaseEnd { outcome, error: String::new(), exit_code: None, signal: None, usage: usage(cpu) };
        CaseView {
            name: None,
            verdict,
            end: Some(end),
            stdout: Some(format!("{cpu}")),
            stdout_base64: None,
            stderr: None,
            stderr_base64: None,
            truncated: false,
        }
    }

    #[test]
    fn output_is_compared_as_it_is_there() {
        for (stdout, expected, is_right) in [
            ("1\0", "1", true),
            ("1 \u{b}\n2\0 \u{c}\n\0\n", "1\n2", true),
            ("1", "1\0\u{b}", true),
            ("\0", "\n", true),
            ("", "\0", false),
            ("1\n\n2", "1\n2", false),
            ("\u{a0}", "", false),
            ("1\0 2", "1 2", false),
        ] {
            assert_eq!(super::is_alike(stdout.as_bytes(), expected.as_bytes()), is_right, "{stdout:?} {expected:?}");
        }
    }

    #[test]
    fn no_output_is_never_the_expected_one() {
        let silent = CaseView { stdout: Some(String::new()), ..case(Verdict::Passed, Outcome::Completed, 0.1) };
        let tests = Some(TestsView { cases: vec![silent], ..TestsView::default() });
        let run = Run { tests, ..ended(Outcome::Completed, Usage::default()) };
        for (expected, id) in [(Some(""), 4), (Some("\n"), 4), (Some("  "), 4), (None, 3)] {
            assert_eq!(of(&run, &some(), expected).status.id, id, "{expected:?}");
        }
    }

    #[test]
    fn a_mean_is_told_to_the_millisecond() {
        let right = |cpu| case(Verdict::Passed, Outcome::Completed, cpu);
        let tests = TestsView { cases: vec![right(0.01), right(0.01), right(0.012)], ..TestsView::default() };
        let run = Run { tests: Some(tests), ..ended(Outcome::Completed, Usage::default()) };
        assert_eq!(of(&run, &some(), None).time, Some(0.011));
    }

    #[test]
    fn a_program_is_not_run_again_once_it_was_wrong() {
        let run = |cases: Vec<CaseView>| Run {
            tests: Some(TestsView { cases, ..TestsView::default() }),
            ..ended(Outcome::TestsFailed, Usage::default())
        };
        let right = |cpu| case(Verdict::Passed, Outcome::Completed, cpu);
        let end = of(&run(vec![right(0.1), right(0.3)]), &some(), None);
        assert_eq!((end.status.id, end.time, end.memory), (3, Some(0.2), Some(3072)));
        let wrong = case(Verdict::WrongOutput, Outcome::Completed, 0.3);
        let end = of(&run(vec![right(0.1), wrong, right(0.9)]), &some(), Some("x"));
        assert_eq!((end.status.id, end.time, end.stdout.as_deref()), (4, Some(0.2), Some(&b"0.3"[..])));
        let failed = case(Verdict::Failed, Outcome::TimedOut, 0.3);
        assert_eq!(of(&run(vec![failed, right(0.1)]), &some(), None).status.id, 5);
        let not_run = CaseView { end: None, ..right(0.1) };
        assert_eq!(of(&run(vec![not_run]), &some(), None).status.id, 13);
    }
}
