//! Answers that are no result: one form for the programs' contract, one for everything else.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::request_id::RequestId;

use crate::backend::BackendError;

/// The answer of `POST /execute`, whatever happens: these three keys and no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Output {
    /// What the program wrote to standard output.
    pub stdout: String,
    /// What the program wrote to standard error.
    pub stderr: String,
    /// One sentence; empty when the program completed.
    pub error: String,
}

/// The answer of `POST /execute` to a request that led to no run.
pub fn no_run(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(Output { error: error.into(), ..Output::default() })).into_response()
}

/// The answer of `POST /execute` when the backend has no run to tell of.
pub fn refused(error: &BackendError) -> Response {
    let mut response = no_run(status(error), error.to_string());
    if let BackendError::QueueFull { retry_after_seconds } = error {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
    }
    response
}

/// The HTTP status of a backend's error.
#[must_use]
pub const fn status(error: &BackendError) -> StatusCode {
    match error {
        BackendError::UnknownLanguage(_) | BackendError::InvalidRequest(_) => StatusCode::BAD_REQUEST,
        BackendError::QueueFull { .. } => StatusCode::TOO_MANY_REQUESTS,
        BackendError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        BackendError::NoResult { .. } => StatusCode::GATEWAY_TIMEOUT,
        BackendError::RunnerFailed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What is wrong, for every route but `/execute`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Problem<'a> {
    reason: &'a str,
    message: &'a str,
    request_id: &'a str,
}

/// An answer that says what is wrong.
pub fn problem(status: StatusCode, reason: &str, message: &str, id: &RequestId) -> Response {
    let request_id = id.header_value().to_str().unwrap_or_default();
    (status, Json(Problem { reason, message, request_id })).into_response()
}
