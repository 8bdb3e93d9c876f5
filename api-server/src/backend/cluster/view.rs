//! From what the cluster says of a run to what clients are told.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use locus_api::{
    CaseStatus, CodeRun, CodeRunStatus, CompileStatus, EffectiveLimits, FileEncoding, FileLeftStatus, FileStatus,
    Phase as CodeRunPhase, SUCCEEDED, TestsStatus, UsageStatus, memory_bytes,
};
use locus_core::view::bytes;
use locus_core::{
    CaseEnd, CaseView, CompileResult, FileLeft, Limits, Outcome, OutputFile, Phase, Run, TestsView, Usage, Verdict,
};

use crate::backend::BackendError;
use crate::backend::files::returned;

/// What labels of Locus itself begin with: they are not the client's.
const OWN_PREFIX: &str = "locus.dev/";

/// A run without what a program may make large.
pub fn summary(run: &CodeRun) -> Run {
    let status = run.status.as_ref();
    let outcome = status.and_then(outcome);
    let phase = match (outcome, status.and_then(|status| status.phase)) {
        (Some(outcome), _) => Phase::from(outcome),
        (None, Some(CodeRunPhase::Running)) => Phase::Running,
        (None, _) => Phase::Pending,
    };
    let blank = Run {
        id: run.name_any(),
        language: run.spec.language.clone(),
        labels: own_labels(run),
        phase,
        reason: outcome.map_or_else(|| reason(status), |outcome| outcome.as_str().to_owned()),
        outcome,
        created_at: run.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
        ..Run::default()
    };
    let Some(status) = status else { return blank };
    Run {
        started_at: status.start_time.as_ref().map(|time| time.0.to_string()),
        finished_at: status.completion_time.as_ref().map(|time| time.0.to_string()),
        error: error(status),
        stdout_truncated: status.stdout_truncated || status.stdout_in_status_truncated,
        stderr_truncated: status.stderr_truncated || status.stderr_in_status_truncated,
        exit_code: status.exit_code,
        signal: status.signal.clone(),
        tests: status.tests.as_ref().map(|tests| TestsView { cases: Vec::new(), ..tests_view(tests) }),
        files_left: status.files_left.iter().map(file_left).collect(),
        limits: status.limits.as_ref().map(limits),
        usage: status.usage.as_ref().map(usage),
        prestarted: status.prestarted.unwrap_or_default(),
        ..blank
    }
}

/// The labels that the client gave a run.
pub fn own_labels(run: &CodeRun) -> BTreeMap<String, String> {
    let labels = run.labels().iter().filter(|(name, _)| !name.starts_with(OWN_PREFIX));
    labels.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A run with all that its status holds: output and files too, once it has ended.
pub fn run(run: &CodeRun) -> Run {
    let summary = summary(run);
    let Some(status) = run.status.as_ref().filter(|_| summary.is_over()) else { return summary };
    let text = |text: &Option<String>, base64: &Option<String>| match base64 {
        Some(_) => None,
        None => Some(text.clone().unwrap_or_default()),
    };
    Run {
        stdout: text(&status.stdout, &status.stdout_base64),
        stdout_base64: status.stdout_base64.clone(),
        stderr: text(&status.stderr, &status.stderr_base64),
        stderr_base64: status.stderr_base64.clone(),
        compile: status.compile.as_ref().map(compile),
        tests: status.tests.as_ref().map(tests_view),
        files: status.files.iter().map(file).collect(),
        ..summary
    }
}

fn outcome(status: &CodeRunStatus) -> Option<Outcome> {
    // One that a newer operator has a word for is told as broken, with that word in its error.
    status.outcome.as_deref().map(|name| Outcome::named(name).unwrap_or(Outcome::RunnerFailed))
}

fn reason(status: Option<&CodeRunStatus>) -> String {
    let condition = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == SUCCEEDED));
    condition.map_or_else(|| "Queued".to_owned(), |condition| condition.reason.clone())
}

fn error(status: &CodeRunStatus) -> String {
    let mut sentences = Vec::from_iter(status.error.clone().filter(|error| !error.is_empty()));
    if let Some(name) = status.outcome.as_deref().filter(|name| Outcome::named(name).is_none()) {
        sentences.push(format!("the run ended with {name:?}, which this server does not know"));
    }
    for (stream, cut) in [("stdout", status.stdout_in_status_truncated), ("stderr", status.stderr_in_status_truncated)]
    {
        if cut {
            sentences.push(format!("{stream} was cut: it is larger than a CodeRun's status can hold"));
        }
    }
    sentences.join("; ")
}

fn compile(compile: &CompileStatus) -> CompileResult {
    CompileResult { stdout: compile.stdout.clone(), stderr: compile.stderr.clone(), exit_code: compile.exit_code }
}

fn limits(limits: &EffectiveLimits) -> Limits {
    Limits {
        timeout_seconds: limits.timeout_seconds,
        cpu_seconds: limits.cpu_seconds,
        memory_bytes: memory_bytes(&limits.memory).unwrap_or_default(),
        output_bytes: limits.output_bytes,
        processes: limits.processes,
        file_bytes: limits.file_bytes,
    }
}

fn usage(usage: &UsageStatus) -> Usage {
    Usage {
        wall_seconds: usage.wall_seconds,
        cpu_seconds: usage.cpu_seconds,
        memory_peak_bytes: usage.memory_peak_bytes,
    }
}

fn tests_view(tests: &TestsStatus) -> TestsView {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let cases = tests.cases.iter().map(case).collect();
    TestsView { passed: count(tests.passed), total: count(tests.total), cases }
}

fn case(case: &CaseStatus) -> CaseView {
    let end = case.outcome.as_deref().map(|name| CaseEnd {
        outcome: Outcome::named(name).unwrap_or(Outcome::RunnerFailed),
        error: case.error.clone().unwrap_or_default(),
        exit_code: case.exit_code,
        signal: case.signal.clone(),
        usage: case.usage.as_ref().map(usage).unwrap_or_default(),
    });
    CaseView {
        name: case.name.clone(),
        verdict: verdict(&case.verdict),
        end,
        stdout: case.stdout.clone(),
        stdout_base64: case.stdout_base64.clone(),
        stderr: case.stderr.clone(),
        stderr_base64: case.stderr_base64.clone(),
        truncated: case.truncated,
    }
}

/// A word that this server does not know is no pass.
fn verdict(name: &str) -> Verdict {
    match name {
        "Passed" => Verdict::Passed,
        "WrongOutput" => Verdict::WrongOutput,
        "NotRun" => Verdict::NotRun,
        _ => Verdict::Failed,
    }
}

fn file(file: &FileStatus) -> OutputFile {
    let (text, base64) = match file.encoding.unwrap_or_default() {
        FileEncoding::Utf8 => (Some(file.content.as_str()), None),
        FileEncoding::Base64 => (None, Some(file.content.as_str())),
    };
    // The operator has written it: that it is base64 is not in doubt.
    returned(file.name.clone(), bytes(text, base64).unwrap_or_default())
}

fn file_left(file: &FileLeftStatus) -> FileLeft {
    FileLeft { name: file.name.clone(), why: file.why.clone() }
}

/// What a refusal of the API server means for the client.
pub fn refusal(error: &kube::Error) -> BackendError {
    match error {
        kube::Error::Api(status) => match status.code {
            400 | 413 | 422 => BackendError::InvalidRequest(status.message.clone()),
            _ => BackendError::Unavailable(format!("the cluster does not take the run: {}", status.message)),
        },
        error => BackendError::Unavailable(format!("the cluster can't be reached: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use locus_api::CodeRun;
    use locus_core::{Outcome, Phase, Verdict};
    use serde_json::{Value, json};

    use super::{refusal, run, summary};
    use crate::backend::BackendError;

    fn code_run(status: &Value) -> CodeRun {
        serde_json::from_value(json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun", "status": status,
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"team": "b", "locus.dev/front-door": "true", "locus.dev/client": "ci"}},
            "spec": {"language": "python", "code": ""}
        }))
        .expect("a CodeRun")
    }

    #[test]
    fn a_run_is_where_its_condition_says() {
        let condition = |reason: &str| {
            json!([{"type": "Succeeded", "status": "Unknown", "reason": reason, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        };
        for (status, phase, reason) in [
            (Value::Null, Phase::Pending, "Queued"),
            (json!({"phase": "Pending"}), Phase::Pending, "Queued"),
            (json!({"phase": "Pending", "conditions": condition("PodPending")}), Phase::Pending, "PodPending"),
            (json!({"phase": "Running", "conditions": condition("Running")}), Phase::Running, "Running"),
        ] {
            let told = run(&code_run(&status));
            assert_eq!((told.phase, told.reason.as_str(), told.outcome), (phase, reason, None));
            assert_eq!((told.stdout, told.stderr), (None, None), "output is told at the end");
        }
    }

    #[test]
    fn every_outcome_is_told_as_what_it_is() {
        for outcome in Outcome::ALL {
            let told = run(&code_run(&json!({"outcome": outcome, "phase": "Running"})));
            let phase = if outcome == Outcome::Completed { Phase::Succeeded } else { Phase::Failed };
            assert_eq!((told.outcome, told.phase, told.reason.as_str()), (Some(outcome), phase, outcome.as_str()));
        }
        let told = run(&code_run(&json!({"outcome": "Sublimated"})));
        assert_eq!((told.outcome, told.phase), (Some(Outcome::RunnerFailed), Phase::Failed));
        assert_eq!(told.error, "the run ended with \"Sublimated\", which this server does not know");
    }

    #[test]
    fn all_that_a_status_holds_is_told() {
        let status = json!({"outcome": "TestsFailed", "error": "0 of 2 tests passed", "exitCode": 0, "signal": "SIGSEGV",
            "stdout": " a\n\n", "stderrBase64": "/wA=", "stderrTruncated": true, "prestarted": true,
            "startTime": "2026-01-01T00:00:01Z", "completionTime": "2026-01-01T00:00:02Z",
            "compile": {"stdout": "o", "stderr": "e", "exitCode": 0},
            "tests": {"passed": 0, "total": 2, "cases": [
                {"name": "n", "verdict": "WrongOutput", "outcome": "Completed", "exitCode": 0, "stdout": "1",
                    "usage": {"wallSeconds": 1.5, "cpuSeconds": 0.5, "memoryPeakBytes": 7}, "truncated": true},
                {"verdict": "NotRun"}]},
            "files": [{"name": "a.png", "content": "/w==", "encoding": "base64"}, {"name": "a.txt", "content": "é"}],
            "filesLeft": [{"name": "b", "why": "there is no such file"}],
            "usage": {"wallSeconds": 2.5, "cpuSeconds": 1.5, "memoryPeakBytes": 9},
            "limits": {"timeoutSeconds": 1, "cpuSeconds": 2, "memory": "64Mi", "outputBytes": 4, "processes": 5,
                "fileBytes": 6}});
        let told = serde_json::to_value(run(&code_run(&status))).expect("it serializes");
        assert_eq!(
            told,
            json!({"id": "a", "language": "python", "labels": {"team": "b"}, "phase": "Failed",
            "reason": "TestsFailed", "outcome": "TestsFailed", "error": "0 of 2 tests passed", "exitCode": 0,
            "signal": "SIGSEGV", "stdout": " a\n\n", "stderrBase64": "/wA=", "stderrTruncated": true, "prestarted": true,
            "createdAt": "2026-01-01T00:00:00Z", "startedAt": "2026-01-01T00:00:01Z",
            "finishedAt": "2026-01-01T00:00:02Z", "compile": {"stdout": "o", "stderr": "e", "exitCode": 0},
            "tests": {"passed": 0, "total": 2, "cases": [
                {"name": "n", "verdict": "WrongOutput", "outcome": "Completed", "error": "", "exitCode": 0,
                    "usage": {"wallSeconds": 1.5, "cpuSeconds": 0.5, "memoryPeakBytes": 7}, "stdout": "1",
                    "truncated": true},
                {"verdict": "NotRun"}]},
            "files": [
                {"name": "a.png", "size": 1, "mediaType": "image/png", "content": "/w==", "encoding": "base64"},
                {"name": "a.txt", "size": 2, "mediaType": "text/plain", "content": "é", "encoding": "utf8"}],
            "filesLeft": [{"name": "b", "why": "there is no such file"}],
            "usage": {"wallSeconds": 2.5, "cpuSeconds": 1.5, "memoryPeakBytes": 9},
            "limits": {"timeoutSeconds": 1, "cpuSeconds": 2, "memoryBytes": 64 << 20, "outputBytes": 4, "processes": 5,
                "fileBytes": 6}})
        );
    }

    #[test]
    fn a_summary_is_that_of_the_whole() {
        let status = json!({"outcome": "Completed", "stdout": "a", "stderrBase64": "/w==", "compile": {"stdout": "c"},
            "tests": {"passed": 1, "total": 1, "cases": [{"verdict": "Passed", "outcome": "Completed"}]},
            "files": [{"name": "a", "content": "b"}]});
        let it = code_run(&status);
        assert_eq!(summary(&it), run(&it).summary());
    }

    #[test]
    fn a_verdict_that_is_not_known_is_no_pass() {
        let cases = json!([{"verdict": "Passed", "outcome": "Completed"}, {"verdict": "Failed", "outcome": "TimedOut"},
            {"verdict": "Splendid", "outcome": "Grand"}]);
        let told =
            run(&code_run(&json!({"outcome": "TestsFailed", "tests": {"passed": 1, "total": 3, "cases": cases}})));
        let cases = told.tests.expect("there are tests").cases;
        assert_eq!(
            cases.iter().map(|case| case.verdict).collect::<Vec<_>>(),
            [Verdict::Passed, Verdict::Failed, Verdict::Failed]
        );
        assert_eq!(cases[2].end.as_ref().map(|end| end.outcome), Some(Outcome::RunnerFailed));
    }

    #[test]
    fn output_that_was_cut_for_the_status_is_told() {
        let told = run(&code_run(&json!({"outcome": "Completed", "stdoutInStatusTruncated": true})));
        assert_eq!(told.error, "stdout was cut: it is larger than a CodeRun's status can hold");
        assert!(told.stdout_truncated && !told.stderr_truncated);
    }

    #[test]
    fn a_refusal_is_the_clients_or_the_clusters_fault() {
        let answer = |code| {
            let status = Status { code, message: "because".into(), ..Status::default() };
            refusal(&kube::Error::Api(Box::new(status)))
        };
        for code in [400, 413, 422] {
            assert_eq!(answer(code), BackendError::InvalidRequest("because".into()), "{code}");
        }
        for code in [401, 403, 404, 409, 429, 500, 503] {
            assert!(matches!(answer(code), BackendError::Unavailable(text) if text.ends_with("because")), "{code}");
        }
    }
}
