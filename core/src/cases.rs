//! Test cases of a run: what each is given, what it is to print, and who is right.
//!
//! What a case is to print never reaches the place where the program runs: a runner is sent [`CaseInput`]s alone, and
//! [`judge`] is asked where the answer comes in.

use serde::{Deserialize, Serialize};

use crate::{Outcome, RunResult, Usage};

/// The most cases of a run.
pub const CASES_MAX: usize = 100;

/// The most bytes that each of stdout and stderr may hold in all cases of a run together.
pub const OUTPUT_BYTES_MAX: u64 = 16 << 20;

/// The most bytes of the work folder, names among them, that a runner keeps in its own memory to put them back for each case.
pub const KEPT_BYTES_MAX: u64 = 64 << 20;

/// The most bytes of output that a case can be right with, whatever it is to print.
pub const JUDGED_BYTES_MAX: usize = 4 << 20;
/// Bytes that a program may write beyond what is expected of it without being wrong for that alone.
const SPARE_BYTES: usize = 64 * 1024;
/// How many bytes may stand for one that is expected: a number may be written with many digits.
const SPREAD: usize = 16;

/// The difference that [`Checker::Float`] allows where none is given.
pub const TOLERANCE: f64 = 1e-6;

/// A case, as a client asks for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestCase {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the program reads on standard input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdin: String,
    /// The program's arguments, in place of those of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// What it is to print; without it, it has to complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_stdout: Option<String>,
    /// What counts as the same.
    #[serde(default)]
    pub checker: Checker,
    /// The difference that `float` allows, absolute or relative to the expected number, whichever is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

impl TestCase {
    /// The most bytes of output that it can be right with. One that expects nothing takes any output.
    #[must_use]
    pub fn output_bytes_max(&self) -> Option<usize> {
        let expected = self.expected_stdout.as_ref()?.len();
        Some(expected.saturating_mul(SPREAD).saturating_add(SPARE_BYTES).min(JUDGED_BYTES_MAX))
    }
}

/// What counts as the expected output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Checker {
    /// The same to the byte.
    Exact,
    /// The same but for white space at the ends of lines and of the whole.
    #[default]
    Trimmed,
    /// The same words, whatever white space is between them.
    Tokens,
    /// The same words, where those that are numbers may differ a little.
    Float,
}

/// What a runner is told of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseInput {
    /// What the program reads on standard input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdin: String,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// How a case ended; its output stands in the events before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CaseEnd {
    /// How the program ended.
    pub outcome: Outcome,
    /// One human sentence; empty when it completed.
    pub error: String,
    /// Its exit status, when it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// What it used.
    #[serde(default)]
    pub usage: Usage,
}

/// The judgement of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Verdict {
    /// The program completed and printed what it was to.
    Passed,
    /// It completed and printed something else.
    WrongOutput,
    /// It did not complete.
    Failed,
    /// It was not run: the run ended before its turn.
    NotRun,
}

/// What a case's program did.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// How it ended; none if it was not run.
    pub end: Option<&'a CaseEnd>,
    /// What it printed: all of it, or one byte more than it can be right with.
    pub stdout: &'a [u8],
}

/// Judges one case. Output of more than [`TestCase::output_bytes_max`] is wrong, so that nobody has to hold more of it.
#[must_use]
pub fn judge(case: &TestCase, shown: Shown<'_>) -> Verdict {
    let Some(end) = shown.end else { return Verdict::NotRun };
    if !end.outcome.is_success() {
        return Verdict::Failed;
    }
    let is_too_much = case.output_bytes_max().is_some_and(|most| shown.stdout.len() > most);
    let is_right = case.expected_stdout.as_deref().is_none_or(|expected| {
        !is_too_much && case.checker.accepts(expected.as_bytes(), shown.stdout, case.tolerance.unwrap_or(TOLERANCE))
    });
    if is_right { Verdict::Passed } else { Verdict::WrongOutput }
}

/// The result of a run by the verdicts of its cases: one that ran them all and has failed some ends as
/// [`Outcome::TestsFailed`].
#[must_use]
pub fn judged(result: RunResult, verdicts: &[Verdict]) -> RunResult {
    let passed = verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count();
    if !result.outcome.is_success() || passed == verdicts.len() {
        return result;
    }
    let error = format!("{passed} of {} tests passed", verdicts.len());
    RunResult { outcome: Outcome::TestsFailed, error, ..result }
}

impl Checker {
    /// Whether an output is as good as the expected one.
    #[must_use]
    pub fn accepts(self, expected: &[u8], actual: &[u8], tolerance: f64) -> bool {
        match self {
            Self::Exact => expected == actual,
            Self::Trimmed => trimmed_lines(expected).eq(trimmed_lines(actual)),
            Self::Tokens => tokens(expected).eq(tokens(actual)),
            Self::Float => {
                let (mut expected, mut actual) = (tokens(expected), tokens(actual));
                loop {
                    match (expected.next(), actual.next()) {
                        (None, None) => return true,
                        (Some(expected), Some(actual)) if is_close(expected, actual, tolerance) => {}
                        _ => return false,
                    }
                }
            }
        }
    }
}

/// The lines without white space at their ends, and without empty ones at the end.
fn trimmed_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.trim_ascii_end().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|token| !token.is_empty())
}

fn is_close(expected: &[u8], actual: &[u8], tolerance: f64) -> bool {
    if expected == actual {
        return true;
    }
    let number = |token| std::str::from_utf8(token).ok().and_then(|text: &str| text.parse::<f64>().ok());
    match (number(expected), number(actual)) {
        // Any number would be within a part of what is infinite.
        (Some(expected), Some(actual)) if expected.is_infinite() || actual.is_infinite() => {
            expected.to_bits() == actual.to_bits()
        }
        (Some(expected), Some(actual)) => (expected - actual).abs() <= tolerance * expected.abs().max(1.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{CaseEnd, Checker, JUDGED_BYTES_MAX, Shown, TOLERANCE, TestCase, Verdict, judge, judged};
    use crate::{Outcome, RunResult, Usage};

    fn accepts(checker: Checker, expected: &str, actual: &str) -> bool {
        checker.accepts(expected.as_bytes(), actual.as_bytes(), TOLERANCE)
    }

    #[test]
    fn each_checker_forgives_what_it_says_and_no_more() {
        // Expected, actual, and who takes it: exact, trimmed, tokens, float.
        let table = [
            ("1 2\n", "1 2\n", [true, true, true, true]),
            ("1 2\n", "1 2", [false, true, true, true]),
            ("1 2\n", "1 2  \r\n\n\n", [false, true, true, true]),
            ("1 2", " 1 2", [false, false, true, true]),
            ("1 2", "1\n2", [false, false, true, true]),
            ("a\n\nb", "a\nb", [false, false, true, true]),
            ("0.5", "0.50000001", [false, false, false, true]),
            ("0.5", "5e-1", [false, false, false, true]),
            ("1000000000", "1000000100", [false, false, false, true]),
            ("1", "1.1", [false, false, false, false]),
            ("1 2", "1", [false, false, false, false]),
            ("1", "1 2", [false, false, false, false]),
            ("x", "y", [false, false, false, false]),
            ("", "", [true, true, true, true]),
            ("", "\n", [false, true, true, true]),
            ("1", "nan", [false, false, false, false]),
            ("inf", "5", [false, false, false, false]),
            ("inf", "-inf", [false, false, false, false]),
            ("1e400", "7", [false, false, false, false]),
            ("7", "inf", [false, false, false, false]),
            ("inf", "Infinity", [false, false, false, true]),
        ];
        for (expected, actual, taken) in table {
            let checkers = [Checker::Exact, Checker::Trimmed, Checker::Tokens, Checker::Float];
            let found = checkers.map(|checker| accepts(checker, expected, actual));
            assert_eq!(found, taken, "{expected:?} and {actual:?}");
        }
        assert!(Checker::Float.accepts(b"nan inf", b"nan inf", 0.0));
    }

    fn end(outcome: Outcome) -> CaseEnd {
        CaseEnd { outcome, error: String::new(), exit_code: None, signal: None, usage: Usage::default() }
    }

    #[test]
    fn a_case_passes_by_what_it_prints_once_it_has_completed() {
        let case = TestCase { expected_stdout: Some("4\n".into()), ..TestCase::default() };
        let verdict = |outcome, stdout: &[u8]| judge(&case, Shown { end: Some(&end(outcome)), stdout });
        assert_eq!(verdict(Outcome::Completed, b"4"), Verdict::Passed);
        assert_eq!(verdict(Outcome::Completed, b"5"), Verdict::WrongOutput);
        assert_eq!(verdict(Outcome::TimedOut, b"4\n"), Verdict::Failed);
        assert_eq!(judge(&case, Shown { end: None, stdout: b"4\n" }), Verdict::NotRun);
        let any = TestCase::default();
        assert_eq!(judge(&any, Shown { end: Some(&end(Outcome::Completed)), stdout: b"x" }), Verdict::Passed);
    }

    #[test]
    fn a_case_is_wrong_by_what_it_prints_too_much() {
        let padded = |expected: Option<&str>, printed: usize| {
            let case = TestCase { expected_stdout: expected.map(Into::into), ..TestCase::default() };
            let stdout =
                format!("{}{}", expected.unwrap_or_default(), " ".repeat(printed - expected.map_or(0, str::len)));
            judge(&case, Shown { end: Some(&end(Outcome::Completed)), stdout: stdout.as_bytes() })
        };
        assert_eq!(padded(Some("four"), 64 + (64 << 10)), Verdict::Passed);
        assert_eq!(padded(Some("four"), 65 + (64 << 10)), Verdict::WrongOutput);
        let long = "x".repeat(256 << 10);
        assert_eq!(padded(Some(&long), JUDGED_BYTES_MAX), Verdict::Passed);
        assert_eq!(padded(Some(&long), JUDGED_BYTES_MAX + 1), Verdict::WrongOutput);
        assert_eq!(padded(None, JUDGED_BYTES_MAX + 1), Verdict::Passed);
    }

    #[test]
    fn a_run_whose_cases_do_not_all_pass_says_how_many_do() {
        let done = RunResult::failed(Outcome::Completed, "");
        assert_eq!(judged(done.clone(), &[Verdict::Passed, Verdict::Passed]), done);
        let failed = judged(done, &[Verdict::Passed, Verdict::WrongOutput, Verdict::NotRun]);
        assert_eq!((failed.outcome, failed.error.as_str()), (Outcome::TestsFailed, "1 of 3 tests passed"));
        let broken = RunResult::failed(Outcome::CompileFailed, "the compiler exited with status 1");
        assert_eq!(judged(broken.clone(), &[Verdict::NotRun]), broken);
    }
}
