//! Answers that are no result: one form for the programs' contract, one for everything else.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::request_id::RequestId;
use utoipa::ToSchema;

use crate::backend::BackendError;

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

/// What is wrong, for every route but `/execute`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// The kind of problem in one word.
    pub reason: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// What the request is found by in the server's log; the header `x-request-id` says the same.
    pub request_id: String,
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
}

impl Problem {
    /// A problem.
    pub fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), headers: Vec::new() }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same in the form of `POST /execute`.
    #[must_use]
    pub fn as_output(self) -> Response {
        let output = Output { error: self.message, ..Output::default() };
        let mut response = (self.status, Json(output)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let problem = Self::new(status(&error), error.reason(), error.to_string());
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
        BackendError::NoInput(_) => StatusCode::CONFLICT,
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

/// Gives each problem its body, which names the request.
pub async fn name_requests(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(Problem { status, reason, message, headers }) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let id = id.as_ref().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let body = Json(ProblemBody { reason, message, request_id: id.to_owned() });
    let mut named = (status, body).into_response();
    named.headers_mut().extend(headers);
    // What other layers have added since, such as Allow, stays.
    for (name, value) in response.headers() {
        if !named.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            named.headers_mut().insert(name, value.clone());
        }
    }
    named
}
