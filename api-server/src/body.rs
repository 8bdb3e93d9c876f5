//! Reading what a client sends as JSON, and telling what is wrong with it where it is wrong.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use locus_core::{LimitsRequest, RunRequest, Seconds};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::answer::Problem;

/// The most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send a body: one that never ends must not hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The bytes of all bodies that are being read: clients that send slowly must not fill the memory by their number.
const READING_BYTES_MAX: usize = 64 << 20;
static READING: Semaphore = Semaphore::const_new(READING_BYTES_MAX);
/// How much more than it may send a client may send for nothing, in times of that.
const DISCARDED_TIMES_MAX: usize = 8;
/// The most characters that a message repeats of what a client sent.
const QUOTED_MAX: usize = 200;

/// Why a body can't be used. Each message says where it is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than any request may be.
    #[error("the request is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not come in time.
    #[error("the request's body took too long to arrive")]
    TooSlow,
    /// The connection ended within it.
    #[error("the request's body broke off")]
    BrokeOff,
    /// Too many others are being read.
    #[error("too many large requests arrive at the same time: try again in a second")]
    Crowded,
    /// There is none.
    #[error(r#"the request is empty: send {{"language": "python", "code": "print(1)"}}"#)]
    Empty,
    /// It is no JSON.
    #[error("the request is not valid JSON: {0}")]
    InvalidJson(String),
    /// It has a field that nothing reads.
    #[error("{0}")]
    UnknownField(String),
    /// It is JSON of another form.
    #[error("the request can't be understood: {0}")]
    WrongForm(String),
    /// It asks for limits that no program could run within.
    #[error("{0}")]
    Limits(String),
}

impl BodyError {
    /// The kind of error in one word.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "BodyTooLarge",
            Self::TooSlow => "BodyTimeout",
            Self::BrokeOff => "BodyIncomplete",
            Self::Crowded => "Crowded",
            Self::Empty | Self::InvalidJson(_) => "InvalidJson",
            Self::UnknownField(_) => "UnknownField",
            Self::WrongForm(_) | Self::Limits(_) => "InvalidRequest",
        }
    }

    /// The HTTP status of an answer that tells it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let problem = Self::new(error.status(), error.reason(), error.to_string());
        if error == BodyError::Crowded { problem.with(header::RETRY_AFTER, 1) } else { problem }
    }
}

/// The run that a body asks for, and the body. The content type isn't looked at: clients that send JSON under another one
/// are understood.
///
/// # Errors
/// The first thing that is wrong with it.
pub async fn read(body: Body) -> Result<(RunRequest, Bytes), Problem> {
    let bytes = bytes(body, BODY_BYTES_MAX).await?;
    let request: RunRequest = parse(&bytes)?;
    // A list of all fields in their order would do as well, but for nobody's good.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(BodyError::WrongForm(String::from(
            r#"send an object such as {"language": "python", "code": "print(1)"}"#,
        ))
        .into());
    }
    check_limits(&request.limits).map_err(BodyError::Limits)?;
    request.check_sizes().map_err(|error| BodyError::Limits(error.to_string()))?;
    Ok((request, bytes))
}

/// The whole of a body.
///
/// # Errors
/// When it is too large, too slow, broken off, or one too many.
pub async fn bytes(body: Body, most: usize) -> Result<Bytes, BodyError> {
    bytes_within(body, most, BODY_TIMEOUT, &READING).await
}

async fn bytes_within(
    mut body: Body,
    most: usize,
    time: Duration,
    reading: &'static Semaphore,
) -> Result<Bytes, BodyError> {
    let mut held: Option<SemaphorePermit<'_>> = None;
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::BrokeOff)?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                held = None;
                discard(&mut body, most * DISCARDED_TIMES_MAX).await;
                return Err(BodyError::TooLarge(most));
            }
            // What was not refused just now is far below the largest number.
            let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let permit = reading.try_acquire_many(more).map_err(|_| BodyError::Crowded)?;
            match &mut held {
                Some(held) => held.merge(permit),
                None => held = Some(permit),
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(time, read).await.unwrap_or(Err(BodyError::TooSlow))
}

/// Lets some more of a body come and go: a client that is still sending would not hear why it is refused.
async fn discard(body: &mut Body, mut most: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        most = most.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if most == 0 {
            break;
        }
    }
}

/// A value from the JSON that a client sent.
///
/// # Errors
/// The first thing that is wrong with it, with its line and column.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    if bytes.is_empty() {
        return Err(BodyError::Empty);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        told(&error.into_inner(), &path)
    })?;
    json.end().map_err(|error| told(&error, "."))?;
    Ok(value)
}

fn told(error: &serde_json::Error, path: &str) -> BodyError {
    let place = format!("at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    // serde_json says the place behind its message; here it may be followed by more.
    let text = text.strip_suffix(&format!(" {place}")).unwrap_or(&text);
    if !error.is_data() {
        return BodyError::InvalidJson(format!("{} {place}", cut(text)));
    }
    if let Some(unknown) = unknown_field(text, path, &place) {
        return BodyError::UnknownField(unknown);
    }
    let path = match path {
        "." | "?" => String::new(),
        path => format!("{}: ", cut(path)),
    };
    BodyError::WrongForm(format!("{path}{} {place}", cut(text)))
}

/// What to say of a field that nothing reads, by serde's words for one.
fn unknown_field(text: &str, path: &str, place: &str) -> Option<String> {
    // The name may hold anything, the known ones behind it are plain words.
    let (name, known) = text.strip_prefix("unknown field `")?.rsplit_once("`, expected ")?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let parent = path.strip_suffix(name).unwrap_or(path).trim_end_matches('.');
    let parent = if parent.is_empty() { String::new() } else { format!(" of {}", cut(parent)) };
    let hint = nearest(name, &known)
        .map_or_else(|| format!("the fields are {}", known.join(", ")), |nearest| format!("did you mean `{nearest}`?"));
    Some(format!("unknown field `{}`{parent} {place}: {hint}", cut(name)))
}

/// The word that somebody most likely meant, if one is near enough.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    // To compare grows with both lengths, and a name that long is nobody's slip.
    let name: String = name.chars().take(64).flat_map(char::to_lowercase).filter(|c| !matches!(c, '_' | '-')).collect();
    let distance = |word: &&str| strsim::damerau_levenshtein(&name, &word.to_lowercase());
    let (distance, word) = known.iter().map(|word| (distance(word), *word)).min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len().max(3) / 3).then_some(word)
}

/// The head of a text that a client chose.
fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Refuses limits that no program could run within.
fn check_limits(limits: &LimitsRequest) -> Result<(), String> {
    let zero = [
        ("timeoutSeconds", limits.timeout_seconds == Some(Seconds::ZERO)),
        ("cpuSeconds", limits.cpu_seconds == Some(Seconds::ZERO)),
        ("memoryBytes", limits.memory_bytes == Some(0)),
        ("outputBytes", limits.output_bytes == Some(0)),
        ("processes", limits.processes == Some(0)),
    ];
    match zero.into_iter().find(|(_, zero)| *zero) {
        Some((name, _)) => Err(format!("limits.{name} must be more than 0; leave it out for the default")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::StatusCode;
    use bytes::Bytes;
    use locus_core::RunRequest;
    use proptest::prelude::{any, prop_assert, proptest};
    use proptest::sample::Index;
    use tokio::sync::Semaphore;

    use super::{BODY_BYTES_MAX, BodyError, bytes, bytes_within, parse};

    fn error(json: &str) -> BodyError {
        parse::<RunRequest>(json.as_bytes()).expect_err(json)
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (json, reason, message) in [
            ("", "InvalidJson", "the request is empty: send {\"language\": \"python\", \"code\": \"print(1)\"}"),
            ("{", "InvalidJson", "the request is not valid JSON: EOF while parsing an object at line 1 column 1"),
            (
                "{\n  \"language\": python}",
                "InvalidJson",
                "the request is not valid JSON: expected value at line 2 column 15",
            ),
            ("{}{}", "InvalidRequest", "the request can't be understood: missing field `language` at line 1 column 2"),
            (
                r#"{"language": "py", "code": ""} x"#,
                "InvalidJson",
                "the request is not valid JSON: trailing characters at line 1 column 32",
            ),
            (
                r#"{ "lenguage": "python"}"#,
                "UnknownField",
                "unknown field `lenguage` at line 1 column 12: did you mean `language`?",
            ),
            (
                "{\"language\": \"c\",\n\"tests\": [{}, {\"cheker\": 1}]}",
                "UnknownField",
                "unknown field `cheker` of tests[1] at line 2 column 23: did you mean `checker`?",
            ),
            (
                r#"{"language": "c", "limits": {"timeout_seconds": 3}}"#,
                "UnknownField",
                "unknown field `timeout_seconds` of limits at line 1 column 46: did you mean `timeoutSeconds`?",
            ),
            (
                r#"{"language": "c", "env": [{"key": "A"}]}"#,
                "UnknownField",
                "unknown field `key` of env[0] at line 1 column 32: the fields are name, value",
            ),
            (
                r#"{"language": "c", "limits": {"timeoutSeconds": "3"}}"#,
                "InvalidRequest",
                "the request can't be understood: limits.timeoutSeconds: invalid type: string \"3\", expected a number of seconds such as 2 or \
                 0.5 at line 1 column 50",
            ),
            (
                "null",
                "InvalidRequest",
                "the request can't be understood: invalid type: null, expected struct RunRequest",
            ),
        ] {
            let error = error(json);
            assert_eq!(error.reason(), reason, "{json}");
            assert!(error.to_string().starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn a_name_with_the_marks_of_a_message_is_no_riddle() {
        let told = error(r#"{"a`, expected `b`": 1}"#).to_string();
        assert!(
            told.starts_with("unknown field `a`, expected `b`` at line 1 column 19: the fields are language, "),
            "{told}"
        );
    }

    #[test]
    fn a_message_repeats_little_of_what_was_sent() {
        let long = "x".repeat(BODY_BYTES_MAX / 2);
        for json in
            [format!("{{\"{long}\": 1}}"), format!("{{\"language\": 1, \"code\": \"{long}\"}}"), format!("\"{long}\"")]
        {
            assert!(error(&json).to_string().len() < 600, "{}", error(&json));
        }
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_limit() {
        let sized = |size| Body::from(vec![b' '; size]);
        assert_eq!(bytes(sized(9), 9).await.expect("it fits").len(), 9);
        let refusal = bytes(sized(10), 9).await.expect_err("it is too large");
        assert_eq!((refusal.status(), refusal.reason()), (StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge"));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_never_ends_is_given_up() {
        static READING: Semaphore = Semaphore::const_new(100);
        let chunks = |chunks: Vec<Result<Bytes, std::io::Error>>| futures::stream::iter(chunks);
        let broken = chunks(vec![Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))]);
        let time = Duration::from_millis(20);
        let read = |body| bytes_within(body, 9, time, &READING);
        assert_eq!(read(Body::from_stream(broken)).await, Err(BodyError::BrokeOff));
        let endless = futures::StreamExt::chain(chunks(vec![Ok(Bytes::from_static(b"{"))]), futures::stream::pending());
        assert_eq!(read(Body::from_stream(endless)).await, Err(BodyError::TooSlow));
        assert_eq!(READING.available_permits(), 100);
    }

    #[tokio::test]
    async fn bodies_beyond_the_memory_for_them_are_sent_away() {
        static READING: Semaphore = Semaphore::const_new(100);
        let half = READING.try_acquire_many(50).expect("it is free");
        let read = || bytes_within(Body::from(vec![b' '; 60]), 60, Duration::from_secs(9), &READING);
        let refusal = read().await.expect_err("there is no room");
        assert_eq!((refusal.status(), refusal.reason()), (StatusCode::SERVICE_UNAVAILABLE, "Crowded"));
        drop(half);
        assert!(read().await.is_ok());
    }

    const VALID: &str = r#"{"language": "python", "files": [{"name": "ä.py", "content": "print(1)"}], "args": ["\u00e9"],
        "limits": {"timeoutSeconds": 3}, "tests": [{"stdin": "1", "checker": "float", "tolerance": 1e-3}]}"#;

    proptest! {
        #[test]
        fn mangled_json_is_read_or_told_with_a_line(
            at in any::<Index>(), until in any::<Index>(), with in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut mangled = VALID.as_bytes().to_vec();
            let (at, until) = (at.index(mangled.len()), until.index(mangled.len()));
            mangled.splice(at.min(until)..at.max(until).min(at.min(until) + 12), with);
            if let Err(error) = parse::<RunRequest>(&mangled) {
                prop_assert!(error == BodyError::Empty || error.to_string().contains(" at line "), "{error}");
            }
        }

        #[test]
        fn any_bytes_are_read_or_told_with_a_line(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            if let Err(error) = parse::<RunRequest>(&bytes) {
                prop_assert!(error.to_string().contains(" at line "), "{error}");
            }
        }
    }
}
