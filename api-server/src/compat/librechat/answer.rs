//! Answers in the form that LibreChat reads.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use locus_core::{Outcome, Run};
use serde::Serialize;
use serde_json::{Value, json};

use super::id::SessionId;
use crate::answer::Problem;
use crate::execute::text;

/// What came of a program.
#[derive(Debug, Serialize)]
pub struct Executed {
    /// The session that the program was.
    pub session_id: String,
    /// The files that it left.
    pub files: Vec<FileRef>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error, and why it was stopped.
    pub stderr: String,
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<String>,
    /// Why it was stopped.
    pub message: Option<&'static str>,
    /// The same in two letters.
    pub status: Option<&'static str>,
    /// Milliseconds that it took.
    pub wall_time: Option<f64>,
}

/// A file, by which another program may be given it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileRef {
    /// Its id.
    pub id: String,
    /// Its name below the work folder.
    pub name: String,
    /// The session that holds it.
    pub storage_session_id: String,
    /// The same, as earlier clients call it.
    pub session_id: String,
    /// The file that it was before the program changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_from: Option<Origin>,
    /// Whether it is what the program was given, and no result.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
}

/// Where a file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Its id.
    pub id: String,
    /// The session that holds it.
    pub storage_session_id: String,
}

impl FileRef {
    /// A file of a session.
    pub fn new(session: SessionId, id: &str, name: &str) -> Self {
        let session = session.text();
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            storage_session_id: session.clone(),
            session_id: session,
            modified_from: None,
            inherited: false,
        }
    }
}

/// The answer for a run, or why there is none.
pub fn executed(session: SessionId, run: Run, files: Vec<FileRef>) -> Result<Executed, Problem> {
    let (message, status) = match run.outcome {
        Some(Outcome::TimedOut) => (Some("Time limit exceeded"), Some("TO")),
        Some(Outcome::OutOfMemory) => (Some("Out of memory"), Some("SG")),
        Some(Outcome::OutputLimitExceeded) => (Some("stdout length exceeded"), Some("OL")),
        Some(Outcome::UnknownLanguage | Outcome::InvalidRequest) => return Err(bad_request(run.error)),
        Some(outcome) if outcome.is_platform_failure() => {
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, outcome.as_str(), run.error));
        }
        _ => (None, None),
    };
    // Who reads the streams alone sees by this that it was no silent end.
    let marker = message.map(|message| format!("\n[sandbox] {message}\n")).unwrap_or_default();
    // A compiler that refuses a program has the word.
    let (stdout, stderr, code) = match (run.outcome, run.compile) {
        (Some(Outcome::CompileFailed), Some(compile)) => (compile.stdout, compile.stderr, compile.exit_code),
        _ => (text(run.stdout, run.stdout_base64), text(run.stderr, run.stderr_base64), run.exit_code),
    };
    Ok(Executed {
        session_id: session.text(),
        files,
        stdout,
        stderr: stderr + &marker,
        code,
        signal: run.signal,
        message,
        status,
        wall_time: run.usage.map(|usage| usage.wall_seconds * 1000.0),
    })
}

/// A request that can't be understood.
pub fn bad_request(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", message)
}

/// A session or file that is not the client's.
pub fn unauthorized(message: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "Unauthorized", message)
}

/// A problem as LibreChat is told it; the headers say when to try again.
#[must_use]
pub fn told(problem: Problem, headers: &[(HeaderName, HeaderValue)]) -> Response {
    let Problem { status, reason, message, .. } = problem;
    let wait = headers.iter().find(|(name, _)| name == header::RETRY_AFTER).and_then(|(_, value)| value.to_str().ok());
    let wait = wait.and_then(|wait| wait.parse::<u32>().ok());
    let body: Value = match (status, reason) {
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            json!({"error": "rate_limited", "message": message, "retry_after_seconds": wait.unwrap_or(1)})
        }
        (_, "Draining") => json!({"error": "Service is shutting down"}),
        _ => json!({"error": message}),
    };
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::{StatusCode, header};
    use http_body_util::BodyExt as _;
    use locus_core::{CompileResult, Outcome, Run, RunResult};
    use serde_json::{Value, json};

    use super::{executed, told};
    use crate::answer::Problem;
    use crate::compat::librechat::id::SessionId;

    fn answer(run: Run, result: RunResult) -> Value {
        let executed = executed(SessionId::new(), run.ended(result), Vec::new()).expect("an answer");
        serde_json::to_value(executed).expect("it serializes")
    }

    #[test]
    fn why_a_program_was_stopped_stands_behind_what_it_wrote() {
        for (outcome, status, message) in [
            (Outcome::TimedOut, "TO", "Time limit exceeded"),
            (Outcome::OutOfMemory, "SG", "Out of memory"),
            (Outcome::OutputLimitExceeded, "OL", "stdout length exceeded"),
        ] {
            let run = Run { stderr: Some("e".into()), ..Run::default() };
            let answer = answer(run, RunResult::failed(outcome, "why"));
            assert_eq!((&answer["status"], &answer["message"]), (&json!(status), &json!(message)));
            assert_eq!(answer["stderr"], format!("e\n[sandbox] {message}\n"));
        }
    }

    #[test]
    fn a_compiler_that_refuses_a_program_has_the_word() {
        let compile = CompileResult { stdout: "o".into(), stderr: "e".into(), exit_code: Some(1) };
        let result = RunResult { compile: Some(compile), ..RunResult::failed(Outcome::CompileFailed, "why") };
        let answer = answer(Run::default(), result);
        assert_eq!((&answer["stdout"], &answer["stderr"], &answer["code"]), (&json!("o"), &json!("e"), &json!(1)));
        assert_eq!(answer["message"], Value::Null);
    }

    #[test]
    fn a_platform_that_failed_is_no_answer() {
        let run = Run::default().ended(RunResult::failed(Outcome::ImagePullFailed, "no image"));
        let problem = executed(SessionId::new(), run, Vec::new()).expect_err("no answer");
        assert_eq!((problem.status, problem.message.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "no image"));
    }

    #[tokio::test]
    async fn a_client_that_asks_too_often_is_told_how_long_to_wait() {
        let often = Problem::new(StatusCode::TOO_MANY_REQUESTS, "RateLimited", "m");
        let response = told(often, &[(header::RETRY_AFTER, 7.into())]);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body, json!({"error": "rate_limited", "message": "m", "retry_after_seconds": 7}));
    }
}
