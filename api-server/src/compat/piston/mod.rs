//! `/api/v2`: the API of Piston.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::answer::Problem;

/// Where the API is; `/api/v2/piston`, as the public server has it, is the same.
const PATH: &str = "/api/v2";

/// What Piston says when something is wrong.
#[derive(Debug, Serialize)]
struct Message {
    message: String,
}

/// Whether a path is one of the API, also where there is nothing at it.
#[must_use]
pub fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A problem as Piston tells it. It knows no wrong method: what it has no answer to is not there.
#[must_use]
pub fn told(problem: Problem) -> Response {
    let (status, message) = match problem {
        Problem { reason: "NotFound" | "MethodNotAllowed", .. } => (StatusCode::NOT_FOUND, "Not Found".to_owned()),
        Problem { status, every: Some(every), .. } => {
            (status, format!("Requests limited to 1 per {}ms", every.as_millis()))
        }
        Problem { status, message, .. } => (status, message),
    };
    (status, Json(Message { message })).into_response()
}
