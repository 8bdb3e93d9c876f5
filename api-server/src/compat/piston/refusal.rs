//! How Piston refuses.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Message, json};
use crate::answer::Problem;
use crate::body::BodyError;

/// Why there is no result.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The body can't be read: Express answers with the stack of its error.
    Unreadable(String),
    /// The content type is another one.
    NotJson,
    /// The request says something wrong.
    Invalid(String),
    /// The request has something of a kind that Piston does not look for: checking it throws, and nothing is said of it
    /// but over a WebSocket.
    Thrown(String),
    /// The same once the request was taken.
    Broken(String),
    /// There is no such package.
    NoPackage(String),
    /// Packages are not changed.
    Unchanged(String),
    /// What is refused in front of all APIs.
    Other(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(_) => Self::Unreadable("PayloadTooLargeError: request entity too large".to_owned()),
            BodyError::BrokeOff => Self::Unreadable("BadRequestError: request aborted".to_owned()),
            error => Self::Other(error.into()),
        }
    }
}

impl Refusal {
    /// What a WebSocket says of it.
    #[must_use]
    pub fn into_message(self) -> String {
        match self {
            Self::Unreadable(text)
            | Self::Invalid(text)
            | Self::Thrown(text)
            | Self::Broken(text)
            | Self::NoPackage(text)
            | Self::Unchanged(text) => text,
            Self::NotJson => "requests must be of type application/json".to_owned(),
            Self::Other(problem) => problem.message,
        }
    }

    /// The kind of refusal in one word, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Other(problem) => problem.reason,
            _ => "InvalidRequest",
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Unreadable(_) | Self::Invalid(_) | Self::Thrown(_) => StatusCode::BAD_REQUEST,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoPackage(_) => StatusCode::NOT_FOUND,
            Self::Broken(_) | Self::Unchanged(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Other(problem) => problem.status,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        match self {
            Self::Other(problem) => problem.into_response(),
            Self::Unreadable(stack) => json(status, &json!({ "stack": stack })),
            Self::Thrown(_) => json(status, &json!({})),
            Self::Broken(_) => status.into_response(),
            told => json(status, &Message { message: told.into_message() }),
        }
    }
}
