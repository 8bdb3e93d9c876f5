//! Reading what a client sends as JSON, and telling what is wrong with it.

use std::error::Error as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::LengthLimitError;
use locus_core::{LimitsRequest, RunRequest};

use crate::answer::Problem;

/// The most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send a body: one that never ends must not hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The run that a body asks for, and the body. The content type isn't looked at: clients that send JSON under another one
/// are understood.
///
/// # Errors
/// The first thing that is wrong with it.
pub async fn read(body: Body) -> Result<(RunRequest, Bytes), Problem> {
    let bytes = bytes(body, BODY_BYTES_MAX).await?;
    let request = parse(&bytes)?;
    check_limits(&request.limits).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", error))?;
    Ok((request, bytes))
}

/// The whole of a body.
///
/// # Errors
/// When it is too large, too slow or broken off.
pub async fn bytes(body: Body, most: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.source().is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) => {
            let error = format!("the request is larger than {most} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge", error))
        }
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "BodyIncomplete", "the request's body broke off")),
        Err(_) => {
            let error = "the request's body took too long to arrive";
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "BodyTimeout", error))
        }
    }
}

fn parse(bytes: &Bytes) -> Result<RunRequest, Problem> {
    if bytes.is_empty() {
        let error = r#"the request is empty: send {"language": "python", "code": "print(1)"}"#;
        return Err(Problem::new(StatusCode::BAD_REQUEST, "InvalidJson", error));
    }
    // serde_json's messages end with the line and the column.
    serde_json::from_slice(bytes).map_err(|error| {
        let (reason, what) = if error.is_data() {
            ("InvalidRequest", "the request can't be understood")
        } else {
            ("InvalidJson", "the request is not valid JSON")
        };
        Problem::new(StatusCode::BAD_REQUEST, reason, format!("{what}: {error}"))
    })
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
