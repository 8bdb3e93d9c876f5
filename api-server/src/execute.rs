//! `POST /execute`: runs a program and answers with its output.

use std::error::Error as _;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use locus_core::{LimitsRequest, Outcome, RunRequest};

use crate::answer::{Output, no_run, refused};
use crate::app::App;
use crate::backend::Execution;

/// The most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send a body: one that never ends must not hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a program. The content type isn't looked at: clients that send JSON under another one are understood.
pub async fn execute(State(app): State<App>, body: Body) -> Response {
    let request = match read(body).await {
        Ok(request) => request,
        Err((status, error)) => return no_run(status, error),
    };
    let timer = app.metrics.run(&request.language);
    match app.backend.execute(request).await {
        Ok(execution) => {
            timer.ended(execution.outcome.as_str());
            answer(execution)
        }
        Err(error) => {
            timer.ended(error.reason());
            refused(&error)
        }
    }
}

/// The answer for a run: 200 whatever the program did, since the request was served.
fn answer(execution: Execution) -> Response {
    let status = match execution.outcome {
        Outcome::UnknownLanguage | Outcome::InvalidRequest => StatusCode::BAD_REQUEST,
        outcome if outcome.is_platform_failure() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let output = Output { stdout: text(execution.stdout), stderr: text(execution.stderr), error: execution.error };
    (status, Json(output)).into_response()
}

/// Output as text; only what is no UTF-8 is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

type Refusal = (StatusCode, String);

async fn read(body: Body) -> Result<RunRequest, Refusal> {
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) => {
            let error = format!("the request is larger than {BODY_BYTES_MAX} bytes");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        Ok(Err(_)) => return Err((StatusCode::BAD_REQUEST, "the request's body broke off".to_owned())),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the request's body took too long to arrive".to_owned())),
    };
    parse(&bytes).map_err(|error| (StatusCode::BAD_REQUEST, error))
}

fn parse(bytes: &Bytes) -> Result<RunRequest, String> {
    if bytes.is_empty() {
        return Err(r#"the request is empty: send {"language": "python", "code": "print(1)"}"#.to_owned());
    }
    // serde_json's messages end with the line and the column.
    let request: RunRequest = serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            format!("the request can't be understood: {error}")
        } else {
            format!("the request is not valid JSON: {error}")
        }
    })?;
    check_limits(&request.limits)?;
    Ok(request)
}

/// Refuses limits that no program could run within.
fn check_limits(limits: &LimitsRequest) -> Result<(), String> {
    let zero = [
        ("timeoutSeconds", limits.timeout_seconds == Some(0)),
        ("cpuSeconds", limits.cpu_seconds == Some(0)),
        ("memoryBytes", limits.memory_bytes == Some(0)),
        ("outputBytes", limits.output_bytes == Some(0)),
        ("processes", limits.processes == Some(0)),
    ];
    match zero.into_iter().find(|(_, zero)| *zero) {
        Some((name, _)) => Err(format!("limits.{name} must be at least 1; leave it out for the default")),
        None => Ok(()),
    }
}
