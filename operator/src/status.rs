//! The writes to a CodeRun's status: that it waits, that it has a pod, that it has none again, and how it ended. Each is a merge
//! patch that names the resource version it was decided on, so that a stale decision is refused.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use locus_api::{CodeRun, CodeRunStatus, CompileStatus, EffectiveLimits, Phase, SUCCEEDED};
use locus_core::{Limits, RunResult, Transcript};
use serde_json::{Value, json};

use crate::fit::{Head, encoded_len, head};
use crate::pod_view::Address;

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

/// The run has ended. The patch holds at most `budget` JSON-encoded bytes: the error comes first, then the heads
/// of stderr and stdout, then what the compiler wrote.
#[must_use]
pub fn finish(run: &CodeRun, result: &RunResult, transcript: &Transcript, now: Timestamp, budget: usize) -> Value {
    let success = result.outcome.is_success();
    // The sentence stands twice: as error and as the condition's message.
    let error = head(result.error.as_bytes(), false, ERROR_BYTES.min(budget / 4)).content;
    let room = budget.saturating_sub(FIXED_BYTES + 2 * encoded_len(&error));
    let wanted = head(&transcript.stdout, transcript.stdout_dropped, room).cost;
    let stderr = head(&transcript.stderr, transcript.stderr_dropped, (room - wanted).max(room / 2));
    let stdout = head(&transcript.stdout, transcript.stdout_dropped, room - stderr.cost);
    let left = room - stderr.cost - stdout.cost;
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
        compile: result.compile.as_ref().map(|compile| {
            let stderr = head(compile.stderr.as_bytes(), false, left);
            let stdout = head(compile.stdout.as_bytes(), false, left - stderr.cost);
            CompileStatus { stdout: stdout.content, stderr: stderr.content, exit_code: compile.exit_code }
        }),
        completion_time: Some(Time(now)),
        usage: Some(result.usage.into()),
        prestarted: Some(result.prestarted),
        error: Some(error),
        ..CodeRunStatus::default()
    };
    (status.stdout, status.stdout_base64) = fields(stdout);
    (status.stderr, status.stderr_base64) = fields(stderr);
    patch(run, &status)
}

fn fields(head: Head) -> (Option<String>, Option<String>) {
    if head.base64 { (None, Some(head.content)) } else { (Some(head.content), None) }
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
    use k8s_openapi::jiff::Timestamp;
    use locus_api::CodeRun;
    use locus_core::{CompileResult, Outcome, RunResult, Transcript};
    use serde_json::{Value, json};

    use super::{STATUS_BYTES, finish};

    fn run() -> CodeRun {
        serde_json::from_value(json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
            "metadata": {"name": "hello", "resourceVersion": "7", "generation": 1},
            "spec": {"language": "python", "code": ""}
        }))
        .expect("a CodeRun")
    }

    fn finished(stdout: &[u8], stderr: &[u8], result: &RunResult, budget: usize) -> Value {
        let transcript = Transcript { stdout: stdout.into(), stderr: stderr.into(), ..Transcript::default() };
        finish(&run(), result, &transcript, Timestamp::UNIX_EPOCH, budget)
    }

    fn completed() -> RunResult {
        RunResult { exit_code: Some(0), ..RunResult::failed(Outcome::Completed, "") }
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

    #[test]
    fn a_flood_on_stderr_leaves_stdout_its_room() {
        let patch = finished(&vec![b'o'; 100_000], &vec![b'e'; 1 << 20], &completed(), STATUS_BYTES);
        assert_eq!(patch["status"]["stdout"].as_str().map(str::len), Some(100_000));
        assert!(patch["status"]["stderr"].as_str().expect("text").len() > STATUS_BYTES / 2);
    }
}
