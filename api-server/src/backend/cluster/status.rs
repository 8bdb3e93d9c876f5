//! From what the cluster says to what clients are told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use locus_api::CodeRunStatus;
use locus_core::Outcome;

use crate::backend::{BackendError, Execution};

/// The run that a terminal status tells of.
pub fn execution(status: CodeRunStatus) -> Result<Execution, BackendError> {
    let name = status.outcome.as_deref().unwrap_or_default();
    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name).ok_or_else(|| {
        BackendError::RunnerFailed(format!("the run ended with {name:?}, which this server does not know"))
    })?;
    let mut sentences = Vec::from_iter(status.error.filter(|error| !error.is_empty()));
    for (stream, cut) in [("stdout", status.stdout_in_status_truncated), ("stderr", status.stderr_in_status_truncated)]
    {
        if cut {
            sentences.push(format!("{stream} was cut: it is larger than a CodeRun's status can hold"));
        }
    }
    let (stdout, stderr) = match status.compile {
        Some(compile) if outcome == Outcome::CompileFailed => {
            (compile.stdout.into_bytes(), compile.stderr.into_bytes())
        }
        _ => (
            stream("stdout", status.stdout, status.stdout_base64)?,
            stream("stderr", status.stderr, status.stderr_base64)?,
        ),
    };
    Ok(Execution { outcome, stdout, stderr, error: sentences.join("; ") })
}

fn stream(name: &str, text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, BackendError> {
    let Some(base64) = base64 else {
        return Ok(text.unwrap_or_default().into_bytes());
    };
    STANDARD
        .decode(base64)
        .map_err(|_| BackendError::RunnerFailed(format!("the run's {name} can't be read: it is not base64")))
}

/// What a refusal to create a `CodeRun` means for the client.
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
    use locus_api::{CodeRunStatus, CompileStatus};
    use locus_core::Outcome;

    use super::{execution, refusal};
    use crate::backend::BackendError;

    fn status(outcome: &str) -> CodeRunStatus {
        CodeRunStatus { outcome: Some(outcome.into()), ..CodeRunStatus::default() }
    }

    #[test]
    fn output_is_taken_to_the_byte_from_either_form() {
        let status =
            CodeRunStatus { stdout: Some(" a\n\n".into()), stderr_base64: Some("/wA=".into()), ..status("Completed") };
        let execution = execution(status).expect("it is well formed");
        assert_eq!((&execution.stdout[..], &execution.stderr[..]), (&b" a\n\n"[..], &b"\xff\0"[..]));
        assert_eq!((execution.outcome, execution.error.as_str()), (Outcome::Completed, ""));
    }

    #[test]
    fn every_outcome_is_known() {
        for outcome in Outcome::ALL {
            assert_eq!(execution(status(outcome.as_str())).expect("it is known").outcome, outcome);
        }
        assert!(matches!(execution(status("Sublimated")), Err(BackendError::RunnerFailed(_))));
    }

    #[test]
    fn output_that_was_cut_for_the_status_is_told() {
        let cut = CodeRunStatus { stdout_in_status_truncated: true, ..status("Completed") };
        let error = execution(cut).expect("it is well formed").error;
        assert_eq!(error, "stdout was cut: it is larger than a CodeRun's status can hold");
    }

    #[test]
    fn a_compiler_that_refuses_a_program_has_the_word() {
        let compile = CompileStatus { stderr: "main.c:1: error".into(), ..CompileStatus::default() };
        let refused = CodeRunStatus { compile: Some(compile), ..status("CompileFailed") };
        assert_eq!(execution(refused).expect("it is well formed").stderr, b"main.c:1: error");
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
