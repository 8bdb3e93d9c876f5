//! What the command line prints of a run.

use locus_core::{FileLeft, SourceFile, TestsView};
use serde::Serialize;

/// What `run` prints: the contract that scripts rely on, and further fields for who has asked for them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What the program wrote to standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// The same of standard error.
    pub stderr: String,
    /// One sentence; empty when nothing is wrong.
    pub error: String,
    /// What came of the tests, where there are some. Their output stands here alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsView>,
    /// The files that were asked for in `outputFiles`, in the form of a request's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SourceFile>,
    /// Those that are not returned, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files_left: Vec<FileLeft>,
}

#[cfg(target_os = "linux")]
pub use of_run::of;

#[cfg(target_os = "linux")]
mod of_run {
    use locus_core::cases::{Shown, judge, judged};
    use locus_core::{
        CaseTranscript, CaseView, Encoding, Outcome, SourceFile, TestCase, TestsView, Text, Transcript, Verdict,
    };

    use super::Answer;

    /// That of a run which has ended, however it did.
    pub fn of(transcript: Transcript, tests: &[TestCase]) -> (Answer, Outcome) {
        let mut result = transcript.result.expect("a run ends with its result");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let tests = (!tests.is_empty()).then(|| {
            let mut told = transcript.cases.into_iter();
            let cases: Vec<_> = tests.iter().map(|test| case_view(test, told.next().unwrap_or_default())).collect();
            let verdicts: Vec<_> = cases.iter().map(|case| case.verdict).collect();
            result = judged(result.clone(), &verdicts);
            let passed = verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count();
            TestsView { passed, total: cases.len(), cases }
        });
        let file = |(name, data)| {
            let Text { text, base64 } = Text::of(data);
            let encoding = if text.is_some() { Encoding::Utf8 } else { Encoding::Base64 };
            SourceFile { name, content: text.or(base64).unwrap_or_default(), encoding }
        };
        let answer = Answer {
            stdout: text(&transcript.stdout),
            stderr: text(&transcript.stderr),
            error: result.error,
            tests,
            files: transcript.files.into_iter().map(file).collect(),
            files_left: result.files_left,
        };
        (answer, result.outcome)
    }

    fn case_view(test: &TestCase, told: CaseTranscript) -> CaseView {
        let verdict = judge(test, Shown { end: told.end.as_ref(), stdout: &told.stdout });
        let (stdout, stderr) = (Text::of(told.stdout), Text::of(told.stderr));
        CaseView {
            name: test.name.clone(),
            verdict,
            truncated: told.end.as_ref().is_some_and(|end| end.outcome == Outcome::OutputLimitExceeded),
            end: told.end,
            stdout: stdout.text,
            stdout_base64: stdout.base64,
            stderr: stderr.text,
            stderr_base64: stderr.base64,
        }
    }
}
