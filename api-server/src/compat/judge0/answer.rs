//! Answers in Judge0's forms: JSON whose keys have an order, and what its framework says by itself.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::submission::Errors;
use crate::answer::Problem;
use crate::sending::Texts;

const JSON: &str = "application/json; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// An object whose keys come in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ordered(pub Vec<(&'static str, Value)>);

impl Ordered {
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        self.0.iter_mut().filter_map(|(_, value)| if let Value::String(text) = value { Some(text) } else { None })
    }

    /// The bytes of its texts.
    pub fn weight(&self) -> usize {
        self.0.iter().filter_map(|(_, value)| value.as_str()).map(str::len).sum()
    }

    /// Puts its long texts among others, so that they are written as they are sent.
    pub fn put(&mut self, texts: &mut Texts) {
        self.texts().for_each(|text| texts.put(text));
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// JSON with a status.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, JSON)], body).into_response(),
        Err(error) => refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// JSON with a status, some of whose texts stand apart.
pub fn with_texts(status: StatusCode, texts: Texts, body: &impl Serialize) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], texts.answer(body)).into_response()
}

/// JSON with 200.
pub fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// Text with 200.
pub fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Why there is no answer of the usual kind.
#[derive(Debug)]
pub enum Refusal {
    /// A status, and a sentence.
    Said(StatusCode, String),
    /// A status alone.
    Head(StatusCode),
    /// A status in the framework's words, which are JSON where that is wanted.
    ByFramework { status: StatusCode, as_json: bool },
    /// What is wrong with a submission.
    Errors(Errors),
    /// What the server says, whatever API was called.
    Problem(Problem),
}

impl Refusal {
    /// A bad request.
    pub fn bad(error: impl Into<String>) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, error.into())
    }

    /// What the framework says where no handler does: JSON to whoever asks for it first, and nothing to others.
    pub fn by_framework(status: StatusCode, headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let is_browser = accept.contains(',') && kinds.clone().any(|kind| kind == "*/*");
        Self::ByFramework { status, as_json: !is_browser && kinds.next() == Some("application/json") }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, error) => refused(status, &error),
            Self::Head(status) => head(status),
            Self::ByFramework { status, as_json: true } => {
                let error = status.canonical_reason().unwrap_or_default();
                json(status, &Ordered(vec![("status", status.as_u16().into()), ("error", error.into())]))
            }
            Self::ByFramework { status, as_json: false } => {
                (status, [(header::CONTENT_TYPE, HTML)], Body::empty()).into_response()
            }
            Self::Errors(errors) => json(StatusCode::UNPROCESSABLE_ENTITY, &errors),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

fn refused(status: StatusCode, error: &str) -> Response {
    let body = json!({ "error": error }).to_string();
    (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
}

/// A status and nothing else.
pub fn head(status: StatusCode) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], Body::empty()).into_response()
}

/// A problem that has come up on the way to a handler, in Judge0's words where it has some.
pub fn of_problem(problem: &Problem) -> Response {
    match (problem.status, problem.reason) {
        (StatusCode::UNAUTHORIZED, _) => head(problem.status),
        // It knows no wrong method: what it has no answer to is not there.
        (StatusCode::METHOD_NOT_ALLOWED, _) => head(StatusCode::NOT_FOUND),
        (_, "QueueFull") => refused(StatusCode::SERVICE_UNAVAILABLE, "queue is full"),
        _ => refused(problem.status, &problem.message),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
    use axum::response::IntoResponse as _;
    use serde_json::Value;

    use super::{Ordered, Refusal, of_problem};
    use crate::answer::Problem;

    #[test]
    fn keys_keep_their_order() {
        let body = Ordered(vec![("b", 1.into()), ("a", Value::Null)]);
        assert_eq!(serde_json::to_string(&body).expect("it serializes"), r#"{"b":1,"a":null}"#);
    }

    #[test]
    fn only_who_asks_for_json_first_is_given_some_where_no_handler_answers() {
        for (accept, kind) in [
            (None, "text/html; charset=utf-8"),
            (Some("*/*"), "text/html; charset=utf-8"),
            (Some("application/json, text/plain, */*"), "text/html; charset=utf-8"),
            (Some("application/json"), "application/json; charset=utf-8"),
            (Some("application/json;q=0.9, text/plain"), "application/json; charset=utf-8"),
        ] {
            let headers: HeaderMap =
                accept.map(|accept| (header::ACCEPT, accept.parse().expect("a value"))).into_iter().collect();
            let response = Refusal::by_framework(StatusCode::NOT_FOUND, &headers).into_response();
            assert_eq!(
                (response.status(), &response.headers()["content-type"]),
                (StatusCode::NOT_FOUND, &kind.parse().expect("a value"))
            );
        }
    }

    #[test]
    fn a_full_queue_is_503_and_a_missing_key_has_no_body() {
        for (status, reason, told, kind) in [
            (
                StatusCode::TOO_MANY_REQUESTS,
                "QueueFull",
                StatusCode::SERVICE_UNAVAILABLE,
                "application/json; charset=utf-8",
            ),
            (
                StatusCode::TOO_MANY_REQUESTS,
                "RateLimited",
                StatusCode::TOO_MANY_REQUESTS,
                "application/json; charset=utf-8",
            ),
            (StatusCode::UNAUTHORIZED, "Unauthorized", StatusCode::UNAUTHORIZED, "text/html"),
            (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", StatusCode::NOT_FOUND, "text/html"),
        ] {
            let response = of_problem(&Problem::new(status, reason, "no"));
            assert_eq!(
                (response.status(), &response.headers()["content-type"]),
                (told, &HeaderValue::from_static(kind)),
                "{reason}"
            );
        }
    }
}
