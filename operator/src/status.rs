//! The writes to a CodeRun's status: that it waits, that it has a pod, that it has none again, and how it ended. Each is a merge
//! patch that names the resource version it was decided on, so that a stale decision is refused.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use locus_api::{CodeRun, CodeRunStatus, CompileStatus, EffectiveLimits, Phase, SUCCEEDED};
use locus_core::{Limits, RunResult};
use serde_json::{Value, json};

use crate::fit::{encoded_len, head};
use crate::pod_view::Address;
use crate::record::Record;
use crate::shown::Shown;

/// The most JSON-encoded bytes of a status.
pub const STATUS_BYTES: usize = 768 * 1024;

/// What a status holds beside error and output.
const FIXED_BYTES: usize = 4096;

/// The most bytes of the error sentence.
const ERROR_BYTES: usize = 8192;

/// The run waits.
#[must_use]
pub fn waiting(run: &CodeRun, reason: &str, message: &str, now: Timestamp) -> Value {
    let status = CodeRunStatus {
        observed_generation: run.metadata.generation,
        conditions: vec![condition(run, "Unknown", reason, message, now)],
        phase: Some(Phase::Pending),
        ..CodeRunStatus::default()
    };
    patch(run, &status)
}

/// The run has this pod, and no other from now on.
#[must_use]
pub fn claim(
    run: &CodeRun,
    address: &Address,
    limits: Limits,
    compile_limits: Option<Limits>,
    now: Timestamp,
) -> Value {
    let compile_timeout_seconds = compile_limits.map(|limits| limits.timeout_seconds);
    let message = format!("pod {} has the run", address.pod_name);
    let status = CodeRunStatus {
        observed_generation: run.metadata.generation,
        conditions: vec![condition(run, "Unknown", "Running", &message, now)],
        phase: Some(Phase::Running),
        start_time: Some(Time(now)),
        limits: Some(EffectiveLimits { compile_timeout_seconds, ..EffectiveLimits::from(limits) }),
        pod_name: Some(address.pod_name.clone()),
        pod_uid: Some(address.pod_uid.clone()),
        ..CodeRunStatus::default()
    };
    patch(run, &status)
}

/// The run has no pod again: the one that it claimed took another run, so that it has never started.
#[must_use]
pub fn unclaim(run: &CodeRun, now: Timestamp) -> Value {
    let message = "the pod has accepted another run: waiting for the next one";
    let status = CodeRunStatus {
        observed_generation: run.metadata.generation,
        conditions: vec![condition(run, "Unknown", "Queued", message, now)],
        phase: Some(Phase::Pending),
        ..CodeRunStatus::default()
    };
    let mut patch = patch(run, &status);
    for field in ["podName", "podUID", "startTime", "limits"] {
        patch["status"][field] = Value::Null;
    }
    patch
}

/// What bounds the last write to a status.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most JSON-encoded bytes.
    pub bytes: usize,
    /// How long the run's pod is kept where it holds more than that.
    pub kept: Duration,
}

/// The run has ended. The patch keeps to its bounds: first come the verdicts of tests and the names of files, then the
/// error, the heads of stderr and stdout, what the compiler wrote, what the cases wrote, and the files that fit whole.
#[must_use]
pub fn finish(run: &CodeRun, result: &RunResult, record: &Record, now: Timestamp, bounds: Bounds) -> Value {
    let success = result.outcome.is_success();
    let (mut shown, room) = Shown::of(run, result, record, bounds.bytes.saturating_sub(FIXED_BYTES));
    // The sentence stands twice: as error and as the condition's message.
    let error = head(result.error.as_bytes(), false, ERROR_BYTES.min(room / 4)).content;
    let room = room - 2 * encoded_len(&error);
    let wanted = head(&record.stdout.bytes, record.stdout.dropped, room).cost;
    let stderr = head(&record.stderr.bytes, record.stderr.dropped, (room - wanted).max(room / 2));
    let stdout = head(&record.stdout.bytes, record.stdout.dropped, room - stderr.cost);
    let mut left = room - stderr.cost - stdout.cost;
    let compile = result.compile.as_ref().map(|compile| {
        let stderr = head(compile.stderr.as_bytes(), false, left);
        let stdout = head(compile.stdout.as_bytes(), false, left - stderr.cost);
        left -= stderr.cost + stdout.cost;
        CompileStatus { stdout: stdout.content, stderr: stderr.content, exit_code: compile.exit_code }
    });
    shown.fill(left);
    // What was cut at its limit is whole nowhere. Without a result the runner has nothing to read either.
    let is_cut = stdout.cut && !result.stdout_truncated || stderr.cut && !result.stderr_truncated || shown.is_cut;
    let is_kept = is_cut && record.result.is_some() && !bounds.kept.is_zero();
    let message = if success { "the program completed" } else { error.as_str() };
    let mut status = CodeRunStatus {
        observed_generation: run.metadata.generation,
        conditions: vec![condition(run, if success { "True" } else { "False" }, result.outcome.as_str(), message, now)],
        phase: Some(if success { Phase::Succeeded } else { Phase::Failed }),
        outcome: Some(result.outcome.as_str().into()),
        exit_code: result.exit_code,
        signal: result.signal.clone(),
        stdout_truncated: result.stdout_truncated,
        stderr_truncated: result.stderr_truncated,
        stdout_in_status_truncated: stdout.cut,
        stderr_in_status_truncated: stderr.cut,
        compile,
        tests: shown.tests,
        files: shown.files,
        files_left: shown.files_left,
        pod_kept_until: is_kept.then(|| Time(now + bounds.kept)),
        completion_time: Some(Time(now)),
        usage: Some(result.usage.into()),
        prestarted: Some(result.prestarted),
        error: Some(error),
        ..CodeRunStatus::default()
    };
    (status.stdout, status.stdout_base64) = stdout.fields();
    (status.stderr, status.stderr_base64) = stderr.fields();
    patch(run, &status)
}

fn patch(run: &CodeRun, status: &CodeRunStatus) -> Value {
    json!({ "metadata": { "resourceVersion": run.metadata.resource_version }, "status": status })
}

fn condition(run: &CodeRun, status: &str, reason: &str, message: &str, now: Timestamp) -> Condition {
    let before = run.status.iter().flat_map(|status| &status.conditions).find(|condition| condition.type_ == SUCCEEDED);
    let unchanged = before.filter(|condition| condition.status == status);
    Condition {
        type_: SUCCEEDED.into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        last_transition_time: unchanged.map_or(Time(now), |condition| condition.last_transition_time.clone()),
        observed_generation: run.metadata.generation,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;
    use locus_api::{CodeRun, CodeRunStatus};
    use locus_core::{
        CaseEnd, CompileResult, Event, FileLeft, Outcome, RunRequest, RunResult, TestCase, Usage, Verdict,
    };
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{Bounds, STATUS_BYTES, finish};
    use crate::record::Record;

    fn run(tests: &[TestCase]) -> CodeRun {
        let request = RunRequest { code: Some(String::new()), tests: tests.to_vec(), ..RunRequest::default() };
        let mut run = CodeRun::new("hello", request.into());
        (run.metadata.resource_version, run.metadata.generation) = (Some("7".into()), Some(1));
        run
    }

    fn record(tests: &[TestCase], events: impl IntoIterator<Item = Event>, result: &RunResult) -> Record {
        let mut record = Record::new(tests.into(), STATUS_BYTES);
        events.into_iter().for_each(|event| record.push(event));
        record.push(Event::Finished { result: result.clone() });
        record
    }

    fn bounds(bytes: usize) -> Bounds {
        Bounds { bytes, kept: Duration::from_secs(60) }
    }

    fn told(tests: &[TestCase], events: impl IntoIterator<Item = Event>, result: &RunResult, bytes: usize) -> Value {
        let record = record(tests, events, result);
        let result = record.result.clone().expect("it has ended");
        finish(&run(tests), &result, &record, Timestamp::UNIX_EPOCH, bounds(bytes))
    }

    fn status(patch: &Value) -> CodeRunStatus {
        serde_json::from_value(patch["status"].clone()).expect("a status")
    }

    fn finished(stdout: &[u8], stderr: &[u8], result: &RunResult, bytes: usize) -> Value {
        told(&[], [Event::Stdout { data: stdout.into() }, Event::Stderr { data: stderr.into() }], result, bytes)
    }

    fn completed() -> RunResult {
        RunResult { exit_code: Some(0), ..RunResult::failed(Outcome::Completed, "") }
    }

    fn case(stdout: &[u8], stderr: &[u8], outcome: Outcome, error: &str) -> [Event; 4] {
        let usage = Usage { wall_seconds: 1.0 / 3.0, cpu_seconds: 2.0 / 3.0, memory_peak_bytes: u64::MAX };
        let end = CaseEnd { outcome, error: error.into(), exit_code: Some(i32::MIN), signal: None, usage };
        [
            Event::CaseStarted { index: 0 },
            Event::Stdout { data: stdout.into() },
            Event::Stderr { data: stderr.into() },
            Event::CaseEnded { end },
        ]
    }

    #[test]
    fn a_result_stands_in_the_status_to_the_byte() {
        let patch = finished("é\n".as_bytes(), b"\xff", &completed(), STATUS_BYTES);
        let status = &patch["status"];
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!((&status["phase"], &status["outcome"]), (&json!("Succeeded"), &json!("Completed")));
        assert_eq!(status["stdout"], "é\n");
        assert_eq!(status["stderrBase64"], "/w==");
        assert!(status.get("stderr").is_none() && status.get("stdoutInStatusTruncated").is_none());
        assert!(status.get("tests").is_none() && status.get("podKeptUntil").is_none());
        assert_eq!(status["conditions"][0]["status"], "True");
        assert_eq!(status["error"], "");
    }

    #[test]
    fn a_status_is_never_larger_than_its_budget() {
        let crabs = "🦀".repeat(1 << 18).into_bytes();
        let floods = [vec![1; 1 << 20], vec![b'<'; 1 << 20], vec![0xff; 1 << 20], crabs];
        let mut result = RunResult::failed(Outcome::CompileFailed, "e".repeat(100_000));
        result.compile = Some(CompileResult { stderr: "\u{1}".repeat(1 << 20), ..CompileResult::default() });
        for budget in [STATUS_BYTES, STATUS_BYTES / 2, STATUS_BYTES / 64] {
            for stdout in &floods {
                for stderr in &floods {
                    let patch = finished(stdout, stderr, &result, budget);
                    let length = serde_json::to_string(&patch).expect("it serializes").len();
                    assert!(length <= budget, "{length} > {budget}");
                    assert_eq!(patch["status"]["stdoutInStatusTruncated"], true);
                }
            }
        }
    }

    /// Bytes that a program may write: few or many, of which JSON makes one or several.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![&b"a"[..], b"<", b"\x01", "🦀".as_bytes(), b"\xff"]);
        (piece, prop_oneof![0..20_usize, 0..200_000_usize]).prop_map(|(piece, times)| piece.repeat(times))
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop::sample::select(vec![Outcome::Completed, Outcome::TimedOut, Outcome::OutputLimitExceeded])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_status_with_tests_keeps_its_budget_and_every_verdict(
            cases in prop::collection::vec((output(), output(), outcome(), "[<a]{0,300}"), 0..100),
            not_run in 0..100_usize,
            name in "[\u{1}a]{0,128}",
            halvings in 0..7_u32,
        ) {
            let tests = vec![TestCase { name: Some(name), ..TestCase::default() }; (cases.len() + not_run).min(100)];
            let events = cases.iter().flat_map(|(out, err, outcome, error)| case(out, err, *outcome, error));
            let budget = STATUS_BYTES >> halvings;
            let patch = told(&tests, events, &completed(), budget);
            prop_assert!(serde_json::to_string(&patch).expect("it serializes").len() <= budget);
            let judged = status(&patch).tests.map(|tests| tests.cases).unwrap_or_default();
            prop_assert_eq!(judged.len(), tests.len());
            for (case, judged) in cases.iter().zip(&judged) {
                let verdict = if case.2 == Outcome::Completed { Verdict::Passed } else { Verdict::Failed };
                prop_assert_eq!(&judged.verdict, &format!("{verdict:?}"));
                prop_assert_eq!(judged.outcome.as_deref(), Some(case.2.as_str()));
            }
        }

        #[test]
        fn a_status_with_files_keeps_its_budget_and_tells_of_every_file(
            stdout in output(),
            files in prop::collection::vec(output(), 0..32),
            left in 0..20_usize,
            name in "[<\u{1}a]{1,200}",
            halvings in 0..7_u32,
        ) {
            let budget = STATUS_BYTES >> halvings;
            let names = |index| format!("{name}{index}");
            let files_left = (0..left).map(|index| FileLeft { name: names(100 + index), why: "w".repeat(1000) });
            let result = RunResult { files_left: files_left.collect(), ..completed() };
            let file = |(index, data): (usize, &Vec<u8>)| Event::File { name: names(index), data: data.clone() };
            let events = std::iter::once(Event::Stdout { data: stdout }).chain(files.iter().enumerate().map(file));
            let patch = told(&[], events, &result, budget);
            prop_assert!(serde_json::to_string(&patch).expect("it serializes").len() <= budget);
            let status = status(&patch);
            let is_told = status.files.len() + status.files_left.len() == files.len() + left;
            prop_assert!(is_told || halvings > 0);
            let is_cut = status.stdout_in_status_truncated || status.files.len() < files.len() || !is_told;
            prop_assert_eq!(status.pod_kept_until.is_some(), is_cut);
        }
    }

    #[test]
    fn a_flood_on_stderr_leaves_stdout_its_room() {
        let patch = finished(&vec![b'o'; 100_000], &vec![b'e'; 1 << 20], &completed(), STATUS_BYTES);
        assert_eq!(patch["status"]["stdout"].as_str().map(str::len), Some(100_000));
        assert!(patch["status"]["stderr"].as_str().expect("text").len() > STATUS_BYTES / 2);
    }

    #[test]
    fn what_came_of_tests_stands_beside_each_name() {
        let named = |name: &str| TestCase { name: Some(name.into()), ..TestCase::default() };
        let tests = [named("one"), named("two"), TestCase::default()];
        let events =
            [case(b"1\n", b"\xff", Outcome::Completed, ""), case(b"", b"", Outcome::OutputLimitExceeded, "too much")];
        let patch = told(&tests, events.concat(), &completed(), STATUS_BYTES);
        let (status, tests) = (&patch["status"], &patch["status"]["tests"]);
        assert_eq!((&status["outcome"], &status["error"]), (&json!("TestsFailed"), &json!("1 of 3 tests passed")));
        assert_eq!((&tests["passed"], &tests["total"]), (&json!(1), &json!(3)));
        let [one, two, three] = [0, 1, 2].map(|index| &tests["cases"][index]);
        assert_eq!((&one["name"], &one["verdict"]), (&json!("one"), &json!("Passed")));
        assert_eq!((&one["stdout"], &one["stderrBase64"]), (&json!("1\n"), &json!("/w==")));
        assert_eq!((&two["outcome"], &two["truncated"]), (&json!("OutputLimitExceeded"), &json!(true)));
        assert_eq!(three, &json!({"verdict": "NotRun"}));
    }

    #[test]
    fn one_case_that_floods_leaves_the_others_their_room() {
        let flood = case(&vec![b'f'; 1 << 20], b"", Outcome::Completed, "");
        let short = case(&vec![b's'; 1000], b"", Outcome::Completed, "");
        let tests = vec![TestCase::default(); 2];
        let patch = told(&tests, [flood, short].concat(), &completed(), STATUS_BYTES);
        let tests = status(&patch).tests.expect("it has tests");
        let lengths: Vec<_> = tests.cases.iter().map(|case| case.stdout.as_ref().map_or(0, String::len)).collect();
        assert_eq!((lengths[0] > 300_000, lengths[1]), (true, 1000));
        assert_eq!((tests.cases[0].truncated, tests.cases[1].truncated), (true, false));
    }

    #[test]
    fn a_pod_is_kept_only_for_what_it_has_whole() {
        let long = vec![b'o'; 1 << 20];
        let kept = |result: &RunResult| {
            let patch = finished(&long, b"", result, STATUS_BYTES);
            status(&patch).pod_kept_until.map(|time| time.0.as_second())
        };
        assert_eq!(kept(&completed()), Some(60));
        assert_eq!(kept(&RunResult { stdout_truncated: true, ..completed() }), None);
        let mut record = Record::new([].into(), STATUS_BYTES);
        record.push(Event::Stdout { data: long.clone() });
        let lost = RunResult::failed(Outcome::NodeLost, "its node is gone");
        let patch = finish(&run(&[]), &lost, &record, Timestamp::UNIX_EPOCH, bounds(STATUS_BYTES));
        assert!(status(&patch).pod_kept_until.is_none());
    }
}
