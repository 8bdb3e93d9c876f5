//! From what the cluster says of a run to what clients are told.

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
        (Some(outcome), _) => {
            if outcome.is_success() {
                Phase::Succeeded
            } else {
                Phase::Failed
            }
        }
        (None, Some(CodeRunPhase::Running)) => Phase::Running,
        (None, _) => Phase::Pending,
    };
    let labels = run.labels().iter().filter(|(name, _)| !name.starts_with(OWN_PREFIX));
    let blank = Run {
        id: run.name_any(),
        language: run.spec.language.clone(),
        labels: labels.map(|(name, value)| (name.clone(), value.clone())).collect(),
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
    status.outcome.as_deref().map(|name| known_outcome(name).unwrap_or(Outcome::RunnerFailed))
}

fn known_outcome(name: &str) -> Option<Outcome> {
    Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name)
}

fn reason(status: Option<&CodeRunStatus>) -> String {
    let condition = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == SUCCEEDED));
    condition.map_or_else(|| "Queued".to_owned(), |condition| condition.reason.clone())
}

fn error(status: &CodeRunStatus) -> String {
    let mut sentences = Vec::from_iter(status.error.clone().filter(|error| !error.is_empty()));
    if let Some(name) = status.outcome.as_deref().filter(|name| known_outcome(name).is_none()) {
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
        outcome: known_outcome(name).unwrap_or(Outcome::RunnerFailed),
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
