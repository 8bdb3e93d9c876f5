//! What came of a run, as Piston tells it: of compiling and of running, each by itself.

use axum::http::StatusCode;
use locus_core::{CompileResult, Limits, Outcome, Run, Seconds, Usage, view};
use serde::Serialize;

use super::refusal::Refusal;
use super::runtimes::Runtime;
use super::signals;
use crate::answer::Problem;

/// The answer of `POST /execute`.
#[derive(Debug, Clone, Serialize)]
pub struct Executed {
    /// Compiling, in languages that do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile: Option<Stage>,
    /// Running; where it did not come to that, compiling once more.
    pub run: Stage,
    /// The language.
    pub language: String,
    /// Its version.
    pub version: String,
}

/// One of the two steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stage {
    /// The signal that ended it.
    pub signal: Option<String>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its exit code; none where a signal has ended it.
    pub code: Option<i32>,
    /// Both streams in the order in which they were written.
    pub output: String,
    /// The most memory it had, in bytes.
    pub memory: Option<u64>,
    /// Why it did not end well.
    pub message: Option<String>,
    /// The same in two letters.
    pub status: Option<&'static str>,
    /// Milliseconds of cpu time.
    pub cpu_time: Option<u64>,
    /// Milliseconds from its start to its end.
    pub wall_time: Option<u64>,
}

/// What a program was heard to write, in its order.
#[derive(Debug, Clone, Default)]
pub struct Written {
    output: Vec<u8>,
    stdout: usize,
    stderr: usize,
}

impl Written {
    /// It wrote to standard output.
    pub fn stdout(&mut self, data: &[u8]) {
        self.output.extend_from_slice(data);
        self.stdout += data.len();
    }

    /// It wrote to standard error.
    pub fn stderr(&mut self, data: &[u8]) {
        self.output.extend_from_slice(data);
        self.stderr += data.len();
    }

    /// Both streams together, in their order if all of them was heard.
    fn together(self, stdout: &[u8], stderr: &[u8]) -> Vec<u8> {
        if self.stdout >= stdout.len() && self.stderr >= stderr.len() { self.output } else { [stdout, stderr].concat() }
    }
}

impl Executed {
    /// What is answered for a run that has ended.
    ///
    /// # Errors
    /// It never began.
    pub fn of(run: Run, written: Written, runtime: &Runtime) -> Result<Self, Refusal> {
        let refused = |status, reason, error| Refusal::Other(Problem::new(status, reason, error));
        match run.outcome {
            Some(Outcome::UnknownLanguage | Outcome::InvalidRequest) => return Err(Refusal::Invalid(run.error)),
            Some(outcome @ (Outcome::ImagePullFailed | Outcome::PodRejected)) => {
                return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, outcome.as_str(), run.error));
            }
            _ => {}
        }
        let Stages { compile, run } = Stages::of(run, written);
        // One of the two there is.
        let run = run.or_else(|| compile.clone()).unwrap_or_default();
        let (language, version) = (runtime.language.clone(), runtime.version.to_string());
        Ok(Self { compile, run, language, version })
    }
}

/// The steps of a run that has ended.
#[derive(Debug, Clone)]
pub struct Stages {
    /// Compiling, where the language does.
    pub compile: Option<Stage>,
    /// Running, where it came to that.
    pub run: Option<Stage>,
}

impl Stages {
    /// The steps of a run.
    #[must_use]
    pub fn of(mut run: Run, written: Written) -> Self {
        match run.compile.take() {
            Some(compile) if compile.exit_code != Some(0) => {
                let stage = Stage { code: compile.exit_code, ..compiling(compile) };
                Self { compile: Some(end(stage, &run)), run: None }
            }
            compile => Self { compile: compile.map(compiling), run: Some(running(run, written)) },
        }
    }
}

fn compiling(compile: CompileResult) -> Stage {
    let output = compile.stdout.clone() + &compile.stderr;
    Stage { stdout: compile.stdout, stderr: compile.stderr, output, code: compile.exit_code, ..Stage::default() }
}

fn running(mut run: Run, written: Written) -> Stage {
    let bytes = |text: Option<String>, base64: Option<String>| view::bytes(text.as_deref(), base64.as_deref());
    let stdout = bytes(run.stdout.take(), run.stdout_base64.take()).unwrap_or_default();
    let stderr = bytes(run.stderr.take(), run.stderr_base64.take()).unwrap_or_default();
    let output = text(written.together(&stdout, &stderr));
    let stage = Stage { stdout: text(stdout), stderr: text(stderr), output, code: run.exit_code, ..Stage::default() };
    end(stage, &run)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A step with how it ended, which is how the run did.
fn end(stage: Stage, run: &Run) -> Stage {
    let usage = run.usage.unwrap_or_default();
    let killed = |status, message: &str| (None, Some(signals::KILL.to_owned()), Some(status), Some(message.to_owned()));
    let by_signal = |name: &str| {
        let message = signals::number(name).map(|number| format!("Caught fatal signal {number}"));
        (None, Some(name.to_owned()), Some("SG"), message)
    };
    let (code, signal, status, message) = match run.outcome {
        Some(Outcome::TimedOut) if is_slow(&usage, run.limits.as_ref()) => {
            killed("TO", "Time limit exceeded (wall clock)")
        }
        Some(Outcome::TimedOut) => killed("TO", "Time limit exceeded"),
        Some(Outcome::OutputLimitExceeded) if run.stderr_truncated => killed("EL", "stderr length exceeded"),
        Some(Outcome::OutputLimitExceeded) => killed("OL", "stdout length exceeded"),
        Some(Outcome::OutOfMemory | Outcome::Cancelled) => by_signal(signals::KILL),
        Some(outcome) if outcome.is_platform_failure() => (None, None, Some("XX"), Some(run.error.clone())),
        _ => match (stage.code, &run.signal) {
            (Some(0), _) => (Some(0), None, None, None),
            (Some(code), _) => (Some(code), None, Some("RE"), Some(format!("Exited with error status {code}"))),
            (None, Some(signal)) => by_signal(signal),
            (None, None) => (None, None, Some("SG"), Some(run.error.clone())),
        },
    };
    let (cpu_time, wall_time) = (Some(millis(usage.cpu_seconds)), Some(millis(usage.wall_seconds)));
    Stage { code, signal, status, message, cpu_time, wall_time, memory: Some(usage.memory_peak_bytes), ..stage }
}

/// Whether it was the clock that stopped a step, and not its cpu time: the limit that it came nearer to.
fn is_slow(usage: &Usage, limits: Option<&Limits>) -> bool {
    let part = |used: f64, limit: Seconds| used / limit.as_f64();
    limits.is_none_or(|limits| {
        part(usage.wall_seconds, limits.timeout_seconds) >= part(usage.cpu_seconds, limits.cpu_seconds)
    })
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time is no less than nothing")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use locus_core::{CompileResult, Limits, Outcome, Run, RunResult, Usage};

    use super::{Stages, Written};

    fn ended(result: RunResult) -> Run {
        let run = Run { stdout: Some("out".into()), stderr: Some("err".into()), ..Run::default() };
        Run { limits: Some(Limits::DEFAULT), ..run.ended(result) }
    }

    fn result(outcome: Outcome) -> RunResult {
        let usage = Usage { wall_seconds: 0.0304, cpu_seconds: 0.0206, memory_peak_bytes: 5000 };
        RunResult { usage, ..RunResult::failed(outcome, "why") }
    }

    #[test]
    fn each_end_has_its_code_its_signal_and_its_two_letters() {
        let code = |outcome, code| RunResult { exit_code: Some(code), ..result(outcome) };
        let signal = |name: &str| RunResult { signal: Some(name.into()), ..result(Outcome::Signaled) };
        let slow = |wall_seconds, cpu_seconds| {
            let usage = Usage { wall_seconds, cpu_seconds, ..Usage::default() };
            RunResult { usage, ..result(Outcome::TimedOut) }
        };
        let loud = RunResult { stderr_truncated: true, ..result(Outcome::OutputLimitExceeded) };
        for (result, code, signal, status, message) in [
            (code(Outcome::Completed, 0), Some(0), None, None, None),
            (code(Outcome::NonZeroExit, 3), Some(3), None, Some("RE"), Some("Exited with error status 3")),
            (signal("SIGSEGV"), None, Some("SIGSEGV"), Some("SG"), Some("Caught fatal signal 11")),
            (slow(30.01, 29.0), None, Some("SIGKILL"), Some("TO"), Some("Time limit exceeded (wall clock)")),
            (slow(20.0, 29.9), None, Some("SIGKILL"), Some("TO"), Some("Time limit exceeded")),
            (result(Outcome::OutputLimitExceeded), None, Some("SIGKILL"), Some("OL"), Some("stdout length exceeded")),
            (loud, None, Some("SIGKILL"), Some("EL"), Some("stderr length exceeded")),
            (result(Outcome::OutOfMemory), None, Some("SIGKILL"), Some("SG"), Some("Caught fatal signal 9")),
            (result(Outcome::Cancelled), None, Some("SIGKILL"), Some("SG"), Some("Caught fatal signal 9")),
            (result(Outcome::NodeLost), None, None, Some("XX"), Some("why")),
        ] {
            let outcome = result.outcome;
            let stage = Stages::of(ended(result), Written::default()).run.expect("it was run");
            assert_eq!((stage.code, stage.signal.as_deref()), (code, signal), "{outcome}");
            assert_eq!((stage.status, stage.message.as_deref()), (status, message), "{outcome}");
        }
        let stage = Stages::of(ended(code(Outcome::Completed, 0)), Written::default()).run.expect("it was run");
        assert_eq!((stage.memory, stage.cpu_time, stage.wall_time), (Some(5000), Some(21), Some(30)));
    }

    #[test]
    fn a_compiler_that_refuses_is_told_of_and_nothing_is_run() {
        let compile = CompileResult { stdout: "o".into(), stderr: "e".into(), exit_code: Some(1) };
        let failed = RunResult { compile: Some(compile.clone()), ..result(Outcome::CompileFailed) };
        let Stages { compile: told, run } = Stages::of(ended(failed), Written::default());
        let told = told.expect("it was compiled");
        assert!(run.is_none());
        assert_eq!(
            (told.code, told.status, told.output.as_str(), told.wall_time),
            (Some(1), Some("RE"), "oe", Some(30))
        );
        let slow = RunResult {
            compile: Some(CompileResult { exit_code: None, ..compile.clone() }),
            ..result(Outcome::TimedOut)
        };
        let told = Stages::of(ended(slow), Written::default()).compile.expect("it was compiled");
        assert_eq!((told.code, told.status), (None, Some("TO")));
        let well = CompileResult { exit_code: Some(0), ..compile };
        let ran = RunResult { compile: Some(well), exit_code: Some(4), ..result(Outcome::NonZeroExit) };
        let Stages { compile, run } = Stages::of(ended(ran), Written::default());
        let (compile, run) = (compile.expect("it was compiled"), run.expect("it was run"));
        assert_eq!((compile.code, compile.status, run.code), (Some(0), None, Some(4)));
    }

    #[test]
    fn output_is_in_the_order_in_which_it_was_heard_where_all_of_it_was() {
        let mut written = Written::default();
        written.stdout(b"o");
        written.stderr(b"err");
        let run = || ended(result(Outcome::Completed));
        let partly = Stages::of(run(), written.clone()).run.expect("it was run");
        assert_eq!(partly.output, "outerr");
        written.stdout(b"ut");
        let whole = Stages::of(run(), written).run.expect("it was run");
        assert_eq!((whole.output.as_str(), whole.stdout.as_str()), ("oerrut", "out"));
    }
}
