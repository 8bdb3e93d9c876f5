//! What stands in a path and behind its `?`.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use locus_core::nearest;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use crate::answer::Problem;
use crate::app::NOTHING_HERE;
use crate::fields::{cut, quoted};

/// The longest that an answer waits for the end of a run.
pub const WAIT_MAX: Duration = Duration::from_secs(600);

/// The parameters of a path, each of them known.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default())
            .map(Self)
            .map_err(|message| Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", message))
    }
}

/// What is to stand behind the name of a parameter, where its type does not tell that well.
const FORMS: [(&str, &str); 3] = [
    ("limit", "a whole number from 1 to 100"),
    ("at", "the number of bytes that were sent before: a whole number, 0 or more"),
    ("end", "true or false"),
];

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let form = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(form).map_err(|error| {
        let name = error.path().to_string();
        told(&error.into_inner().to_string(), &name)
    })
}

fn told(text: &str, name: &str) -> String {
    if let Some((unknown, known)) =
        text.strip_prefix("unknown field `").and_then(|text| text.rsplit_once("`, expected "))
    {
        let known = quoted(known);
        let hint = match nearest(unknown, known.iter().map(String::as_str)).first() {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("there are {}", known.join(", ")),
        };
        return format!("{} is no parameter here: {hint}", cut(unknown));
    }
    // What serde_html_form says of a value that comes more than once.
    if text == "unsupported value" {
        return format!("{name} stands twice: give it once");
    }
    match FORMS.iter().find(|(known, _)| *known == name) {
        Some((_, form)) => format!("{name} is {form}"),
        None => cut(text),
    }
}

/// What stands in a path; what can't be read there is at no path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0)).map_err(|_| Problem::new(StatusCode::NOT_FOUND, "NotFound", NOTHING_HERE))
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

    use super::{WaitQuery, parse};
    use crate::runs::ListQuery;
    use crate::stdin::StdinQuery;

    #[test]
    fn a_time_to_wait_is_read_with_its_unit_and_has_a_bound() {
        let wait = |query: &str| parse::<WaitQuery>(query).map(|query| query.wait);
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

    #[test]
    fn what_is_wrong_with_a_query_is_told_by_name() {
        let list = |query| parse::<ListQuery>(query).map(drop);
        let stdin = |query| parse::<StdinQuery>(query).map(drop);
        let wait = |query| parse::<WaitQuery>(query).map(drop);
        for (refused, message) in [
            (list("limit=a"), "limit is a whole number from 1 to 100"),
            (list("limit=-1"), "limit is a whole number from 1 to 100"),
            (list("limit=1&limit=2"), "limit stands twice: give it once"),
            (list("labels=a=b"), "labels is no parameter here: did you mean label?"),
            (list("page=2"), "page is no parameter here: there are limit, after, label, phase"),
            (list("phase=Sleeping"), "phase=Sleeping is no phase: choose one of Pending, Running, Succeeded, Failed"),
            (list("phase="), "phase= is no phase: choose one of Pending, Running, Succeeded, Failed"),
            (stdin("at=-1"), "at is the number of bytes that were sent before: a whole number, 0 or more"),
            (stdin("at=0&at=1"), "at stands twice: give it once"),
            (stdin("end=perhaps"), "end is true or false"),
            (wait("wait=30"), "wait=30 is no time such as 30s, 500ms or 2m, and at most 10m"),
            (wait("wait=1s&wait=1s"), "wait stands twice: give it once"),
        ] {
            assert_eq!(refused, Err(message.to_owned()));
        }
        for fine in ["phase=running", "phase=Running&limit=", "label=a=b&label=c=", ""] {
            assert_eq!(list(fine), Ok(()), "{fine}");
        }
    }
}
