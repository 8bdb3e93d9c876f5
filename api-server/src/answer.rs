//! Answers that are no result: what is wrong, in the words of the API that was called.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::request_id::RequestId;
use utoipa::ToSchema;

use crate::backend::BackendError;
use crate::compat::Dialect;

/// No answer of the API is the same a moment later, and none is anybody else's: nobody in between may keep one.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The answer of `POST /execute`, whatever happens: these three keys and no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Output {
    /// What the program wrote to standard output.
    pub stdout: String,
    /// What the program wrote to standard error.
    pub stderr: String,
    /// One sentence; empty when the program completed.
    pub error: String,
}

/// What is wrong, for the routes of our own API.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// The kind of problem in one word.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// What the request is found by in the server's log; the header `x-request-id` says the same.
    pub request_id: String,
    /// Where input was not taken and may be sent again: the bytes of it all that were taken so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<u64>,
}

/// An answer that says what is wrong. A handler may end with it wherever it is: [`name_requests`] makes a body of it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind of problem in one word.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// What else the answer says.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How far apart requests may come, where they come too often.
    pub every: Option<Duration>,
    /// The bytes of input that were taken so far, where it may be sent again.
    pub taken: Option<u64>,
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), headers: Vec::new(), every: None, taken: None }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let problem = Self { taken: error.taken(), ..Self::new(status(&error), error.reason(), error.to_string()) };
        match error {
            BackendError::QueueFull { retry_after_seconds } => problem.with(header::RETRY_AFTER, retry_after_seconds),
            BackendError::InputFull { .. } | BackendError::TooManyRuns { .. } => problem.with(header::RETRY_AFTER, 1),
            _ => problem,
        }
    }
}

/// The HTTP status of a backend's error.
#[must_use]
pub const fn status(error: &BackendError) -> StatusCode {
    match error {
        BackendError::UnknownLanguage(_) | BackendError::InvalidRequest(_) => StatusCode::BAD_REQUEST,
        BackendError::NotFound(_) => StatusCode::NOT_FOUND,
        BackendError::NoInput(_) | BackendError::InputMissing { .. } => StatusCode::CONFLICT,
        BackendError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        BackendError::Spent => StatusCode::GONE,
        BackendError::QueueFull { .. } | BackendError::InputFull { .. } | BackendError::TooManyRuns { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        BackendError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        BackendError::RunnerFailed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives each problem its body, in the words of the API that was called.
pub async fn name_requests(request: Request, next: Next) -> Response {
    let dialect = Dialect::of(request.method(), request.uri().path());
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let id = id.as_ref().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let mut told = dialect.answer(problem, id);
    // What other layers have added since, such as Allow, stays.
    for (name, value) in response.headers() {
        if !told.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told.headers_mut().entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    told
}
