//! The HTTP APIs of others, on the same runs: whoever comes from one of them changes a URL and nothing else. And a protocol
//! of assistants.
//!
//! What stands in front of all routes (keys, rates, bounds) refuses in the words of the API that was called. A
//! [`Dialect`] is those words.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::answer::{Output, Problem, ProblemBody};

pub mod beside;
pub mod judge0;
pub mod librechat;
pub mod mcp;
pub mod piston;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What their clients send in headers, beside those of our own: browsers ask whether they may.
pub fn request_headers() -> impl Iterator<Item = HeaderName> {
    let of_assistants = [X_API_KEY, mcp::SESSION_ID, HeaderName::from_static("mcp-protocol-version")];
    judge0::HEADERS.into_iter().chain(of_assistants)
}

/// In which API's words a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Our own: the reason, a message, and the request's id.
    Native,
    /// That of `POST /execute`: three keys, whatever happens.
    Execute,
    /// Piston's: a message.
    Piston,
    /// That of LibreChat's code interpreter: an error.
    LibreChat,
    /// Judge0's: an error, or nothing.
    Judge0,
}

impl Dialect {
    /// The API that a request calls, also where there is nothing at its path.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Self {
        match path {
            "/execute" if method == Method::POST => Self::Execute,
            path if piston::owns(path) => Self::Piston,
            path if librechat::owns(path) => Self::LibreChat,
            path if judge0::owns(path) => Self::Judge0,
            _ => Self::Native,
        }
    }

    /// The API key of a request, where the API has it.
    #[must_use]
    pub fn key<'a>(self, uri: &Uri, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
        let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
        if self == Self::LibreChat
            && let Some(key) = text(X_API_KEY)
        {
            return Some(key.into());
        }
        let authorization = text(header::AUTHORIZATION);
        match (self, authorization.map(|text| text.split_once(' ').ok_or(text))) {
            (_, Some(Ok((scheme, key)))) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim().into()),
            (Self::Piston, Some(Err(key))) => Some(key.into()),
            (Self::Judge0, _) => judge0::key(uri, headers).map(Cow::Owned),
            _ => None,
        }
    }

    /// The answer that tells of a problem.
    #[must_use]
    pub fn answer(self, mut problem: Problem, request_id: &str) -> Response {
        let headers = std::mem::take(&mut problem.headers);
        let Problem { status, reason, ref message, taken, .. } = problem;
        let mut response = match self {
            Self::Native => {
                let (message, request_id) = (message.clone(), request_id.to_owned());
                (status, Json(ProblemBody { reason, message, request_id, taken })).into_response()
            }
            Self::Execute => (status, Json(Output { error: message.clone(), ..Output::default() })).into_response(),
            Self::Piston => piston::told(problem),
            Self::LibreChat => librechat::told(problem, &headers),
            Self::Judge0 => judge0::told(&problem),
        };
        response.headers_mut().extend(headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use axum::http::{HeaderMap, HeaderValue, Method, Uri};

    use super::{Dialect, X_API_KEY};

    #[test]
    fn a_path_is_answered_in_the_words_of_its_api() {
        for (path, dialect) in [
            ("/execute", Dialect::Execute),
            ("/execute/x", Dialect::Native),
            ("/api/v1/runs", Dialect::Native),
            ("/", Dialect::Native),
            ("/api/v2", Dialect::Piston),
            ("/api/v2/", Dialect::Piston),
            ("/api/v2/execute", Dialect::Piston),
            ("/api/v2/piston/runtimes", Dialect::Piston),
            ("/api/v2/nothing", Dialect::Piston),
            ("/api/v20", Dialect::Native),
            ("/librechat/exec", Dialect::LibreChat),
            ("/librechat", Dialect::LibreChat),
            ("/librechats", Dialect::Native),
            ("/mcp", Dialect::Native),
            ("/submissions", Dialect::Judge0),
            ("/languages/71/x", Dialect::Judge0),
            ("/api/v1/languages", Dialect::Native),
        ] {
            assert_eq!(Dialect::of(&Method::POST, path), dialect, "{path}");
        }
        assert_eq!(Dialect::of(&Method::GET, "/execute"), Dialect::Native);
    }

    #[test]
    fn a_key_is_where_the_api_has_it() {
        for (dialect, value, key) in [
            (Dialect::Native, "Bearer a", Some("a")),
            (Dialect::Execute, "bearer  a ", Some("a")),
            (Dialect::Native, "a", None),
            (Dialect::Native, "Basic a", None),
            (Dialect::Piston, "a", Some("a")),
            (Dialect::Piston, "Bearer a", Some("a")),
            (Dialect::Piston, "Basic a", None),
            (Dialect::Judge0, "Bearer a", Some("a")),
            (Dialect::Judge0, "a", None),
        ] {
            let headers =
                HeaderMap::from_iter([("authorization".parse().expect("a name"), HeaderValue::from_static(value))]);
            assert_eq!(dialect.key(&Uri::default(), &headers).as_deref(), key, "{dialect:?} {value:?}");
        }
        let key = |dialect: Dialect, headers: &HeaderMap| dialect.key(&Uri::default(), headers).map(Cow::into_owned);
        assert_eq!(key(Dialect::Piston, &HeaderMap::new()), None);
        let headers = HeaderMap::from_iter([(X_API_KEY, HeaderValue::from_static("a"))]);
        assert_eq!((key(Dialect::LibreChat, &headers), key(Dialect::Native, &headers)), (Some("a".to_owned()), None));
    }
}
