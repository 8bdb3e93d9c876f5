//! What stands in a path and behind its `?`.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::answer::Problem;

/// The longest that an answer waits for the end of a run.
pub const WAIT_MAX: Duration = Duration::from_secs(600);

/// The parameters of a path, each of them known.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        serde_html_form::from_str(parts.uri.query().unwrap_or_default()).map(Self).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", format!("the query can't be understood: {error}"))
        })
    }
}

/// What stands in a path; what can't be read there is at no path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0))
            .map_err(|_| Problem::new(StatusCode::NOT_FOUND, "NotFound", "there is nothing at this path"))
    }
}

/// How long to wait for the end of a run.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitQuery {
    /// A time such as `30s`, `500ms` or `2m`; at most ten minutes.
    #[param(value_type = Option<String>, example = "30s")]
    #[serde(default, deserialize_with = "duration")]
    pub wait: Option<Duration>,
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("wait={text} is no time such as 30s, 500ms or 2m, and at most 10m"));
    let time = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| *time <= WAIT_MAX).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::WaitQuery;

    #[test]
    fn a_time_to_wait_is_read_with_its_unit_and_has_a_bound() {
        let wait = |query: &str| serde_html_form::from_str::<WaitQuery>(query).map(|query| query.wait);
        for (query, time) in [
            ("", None),
            ("wait=30s", Some(30_000)),
            ("wait=500ms", Some(500)),
            ("wait=10m", Some(600_000)),
            ("wait=0s", Some(0)),
        ] {
            assert_eq!(wait(query).expect("it is well formed"), time.map(Duration::from_millis), "{query}");
        }
        for wrong in ["wait=", "wait=30", "wait=601s", "wait=-1s", "wait=soon", "wayt=1s"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
    }
}
