//! Reading what a client sends as JSON, and telling what is wrong with it where it is wrong.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http_body_util::BodyExt as _;
use locus_core::{LimitsRequest, RunRequest, Seconds};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Problem;
use crate::fields::{self, EXAMPLE, cut};
use crate::rate::Asker;
use crate::shares::Room;

/// The most bytes of a request's body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a client may take to send a body: one that never ends must not hold a connection for ever.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The bytes of all bodies that are being read: clients that send slowly must not fill the memory by their number.
pub const BODIES_BYTES_MAX: usize = 64 << 20;
/// How much more than it may send a client may send for nothing, in times of that.
const DISCARDED_TIMES_MAX: usize = 8;

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
    #[error("the request is empty: send {EXAMPLE}")]
    Empty,
    /// It is packed.
    #[error("bodies are read as they come: send this one without Content-Encoding: {0}")]
    Encoded(String),
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
            Self::Encoded(_) => "UnsupportedEncoding",
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
            Self::Encoded(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let problem = Self::new(error.status(), error.reason(), error.to_string());
        match error {
            BodyError::Crowded => problem.with(header::RETRY_AFTER, 1),
            BodyError::Encoded(_) => problem.with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")),
            _ => problem,
        }
    }
}

/// The run that a body asks for, and the body. The content type isn't looked at: clients that send JSON under another one
/// are understood.
///
/// # Errors
/// The first thing that is wrong with it.
pub async fn read(body: Body) -> Result<(RunRequest, Bytes), Problem> {
    let bytes = bytes(body, BODY_BYTES_MAX).await?;
    let request = request(&bytes)?;
    Ok((request, bytes))
}

/// Refuses a body that is packed: what it holds could be of any size.
///
/// # Errors
/// [`BodyError::Encoded`].
pub fn check_encoding(headers: &HeaderMap) -> Result<(), BodyError> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(()) };
    if encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
        return Ok(());
    }
    Err(BodyError::Encoded(cut(&String::from_utf8_lossy(encoding.as_bytes()))))
}

/// The whole of a body.
///
/// # Errors
/// When it is too large, too slow, broken off, or one too many.
pub async fn bytes(body: Body, most: usize) -> Result<Bytes, BodyError> {
    bytes_within(body, most, BODY_TIMEOUT).await
}

/// A body that counts for a client with what has come of it, until it is dropped: who reads it drops it with its last
/// byte.
pub fn counted(body: Body, room: &Arc<Room>, asker: &Asker) -> Body {
    if body.is_end_stream() {
        return body;
    }
    // Nobody keeps more of a body than this.
    let (mut held, mut left) = (room.enter(Some(asker)), BODY_BYTES_MAX);
    Body::from_stream(body.into_data_stream().map(move |data| {
        let data = data?;
        let more = data.len().min(left);
        left -= more;
        if held.grow(more) { Ok(data) } else { Err(axum::Error::new(NoRoom)) }
    }))
}

/// Why a body ends that is counted.
#[derive(Debug, thiserror::Error)]
#[error("there is no room for more of the body")]
struct NoRoom;

fn broken(error: &axum::Error) -> BodyError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NoRoom>() {
            return BodyError::Crowded;
        }
        cause = error.source();
    }
    BodyError::BrokeOff
}

async fn bytes_within(mut body: Body, most: usize, time: Duration) -> Result<Bytes, BodyError> {
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                discard(&mut body, most * DISCARDED_TIMES_MAX).await;
                return Err(BodyError::TooLarge(most));
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

/// The run that JSON asks for.
///
/// # Errors
/// The first thing that is wrong with it, with its line and column and what to do.
pub fn request(bytes: &[u8]) -> Result<RunRequest, BodyError> {
    if bytes.is_empty() {
        return Err(BodyError::Empty);
    }
    check_text(bytes)?;
    let request: RunRequest = parse(bytes)?;
    parse::<Objects>(bytes)?;
    check(&request)?;
    Ok(request)
}

/// Refuses a request that no program could run within, or that is larger than any may be.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(request: &RunRequest) -> Result<(), BodyError> {
    check_limits("limits", &request.limits).map_err(BodyError::Limits)?;
    check_limits("compileLimits", &request.compile_limits).map_err(BodyError::Limits)?;
    request.check_sizes().map_err(|error| BodyError::Limits(error.to_string()))
}

/// What is to be an object. A list of all its fields in their order would do as well for serde, but for nobody's good.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is only looked at whether it can be read")]
#[serde(rename_all = "camelCase")]
struct Objects {
    #[serde(default)]
    limits: Object,
    #[serde(default)]
    compile_limits: Object,
    #[serde(default)]
    files: Vec<Object>,
    #[serde(default)]
    env: Vec<Object>,
    #[serde(default)]
    tests: Vec<Object>,
}

type Object = serde_json::Map<String, serde_json::Value>;

/// Refuses what is no text, which no place in JSON tells well.
fn check_text(bytes: &[u8]) -> Result<(), BodyError> {
    let wrong = |before: &[u8], what: &str, hint: &str| {
        let mut lines = before.split(|byte| *byte == b'\n');
        let column = lines.next_back().map_or(0, <[u8]>::len) + 1;
        let line = lines.count() + 1;
        Err(BodyError::InvalidJson(format!("{what} at line {line} column {column}: {hint}")))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => wrong(b"", "a byte order mark", "send the text without it"),
        Ok(_) => Ok(()),
        Err(error) => wrong(
            &bytes[..error.valid_up_to()],
            "it is not UTF-8",
            r#"send UTF-8, and other bytes as a file with "encoding": "base64""#,
        ),
    }
}

/// A value from JSON.
///
/// # Errors
/// The first thing that is wrong with it, with its line and column.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        told(&error.into_inner(), if path == "." { "" } else { &path }, bytes)
    })?;
    json.end().map_err(|error| told(&error, "", bytes))?;
    Ok(value)
}

fn told(error: &serde_json::Error, path: &str, bytes: &[u8]) -> BodyError {
    let place = format!("at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    // serde_json says the place behind its message; here it may be followed by more.
    let text = text.strip_suffix(&format!(" {place}")).unwrap_or(&text);
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if !error.is_data() {
        let hint = match text {
            "trailing characters" => ": nothing may follow the object".to_owned(),
            _ if !is_object => format!(": give an object such as {EXAMPLE}"),
            _ => String::new(),
        };
        return BodyError::InvalidJson(format!("{} {place}{hint}", cut(text)));
    }
    if let Some(unknown) = fields::unknown(text, path, &place) {
        return BodyError::UnknownField(unknown);
    }
    // Whatever else is no object may have been read as the list of its fields.
    BodyError::WrongForm(fields::wrong(text, if is_object { path } else { "" }, &place))
}

/// Refuses limits that no program could run within.
fn check_limits(field: &str, limits: &LimitsRequest) -> Result<(), String> {
    let zero = [
        ("timeoutSeconds", limits.timeout_seconds == Some(Seconds::ZERO)),
        ("cpuSeconds", limits.cpu_seconds == Some(Seconds::ZERO)),
        ("memoryBytes", limits.memory_bytes == Some(0)),
        ("outputBytes", limits.output_bytes == Some(0)),
        ("processes", limits.processes == Some(0)),
    ];
    match zero.into_iter().find(|(_, zero)| *zero) {
        Some((name, _)) => Err(format!("{field}.{name} must be more than 0; leave it out for the default")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
    use bytes::Bytes;
    use http_body_util::BodyExt as _;
    use proptest::prelude::{any, prop_assert, proptest};
    use proptest::sample::Index;

    use super::{BODY_BYTES_MAX, BodyError, bytes, bytes_within, check_encoding, counted, request};
    use crate::rate::Asker;
    use crate::shares::Room;

    fn error(json: &str) -> BodyError {
        request(json.as_bytes()).expect_err(json)
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
            (
                "{}{}",
                "InvalidRequest",
                "the request can't be understood: the request: missing field `language` at line 1 column 2: give an object \
                 such as {\"language\": \"python\", \"code\": \"print(1)\"}",
            ),
            (
                r#"{"language": "py", "code": ""} x"#,
                "InvalidJson",
                "the request is not valid JSON: trailing characters at line 1 column 32: nothing may follow the object",
            ),
            (
                "language=python",
                "InvalidJson",
                "the request is not valid JSON: expected value at line 1 column 1: give an object such as {\"language\": ",
            ),
            (
                "\u{feff}{}",
                "InvalidJson",
                "the request is not valid JSON: a byte order mark at line 1 column 1: send the text without it",
            ),
            (
                r#"{"language": "c", "limits": {"timeoutSeconds": "3"}}"#,
                "InvalidRequest",
                "the request can't be understood: limits.timeoutSeconds is the text \"3\" at line 1 column 50: give a number \
                 of seconds, such as 2 or 0.5",
            ),
            (
                r#"{"language": "c", "limits": {"memoryBytes": "256Mi"}}"#,
                "InvalidRequest",
                "the request can't be understood: limits.memoryBytes is the text \"256Mi\" at line 1 column 51: give a \
                 number of bytes, such as 268435456",
            ),
            (
                r#"{"language": "c", "limits": {"memoryBytes": -1}}"#,
                "InvalidRequest",
                "the request can't be understood: limits.memoryBytes is -1 at line 1 column 46: give a number of bytes",
            ),
            (
                r#"{"language": "c", "limits": [3]}"#,
                "InvalidRequest",
                "the request can't be understood: limits is a list at line 1 column 28: give an object such as \
                 {\"timeoutSeconds\": 5}",
            ),
            (
                r#"{"language": "c", "files": [["a.c", ""]]}"#,
                "InvalidRequest",
                "the request can't be understood: files[0] is a list at line 1 column 28: give an object such as {\"name\":",
            ),
            (
                r#"{"language": "c", "env": {"A": "b"}}"#,
                "InvalidRequest",
                "the request can't be understood: env is an object at line 1 column 25: give a list of {name, value}, such as \
                 [{\"name\": \"LANG\", \"value\": \"C\"}]",
            ),
            (
                r#"{"language": "c", "interactive": 1}"#,
                "InvalidRequest",
                "the request can't be understood: interactive is 1 at line 1 column 34: give true or false",
            ),
            (
                r#"{"language": "c", "language": "d"}"#,
                "InvalidRequest",
                "the request can't be understood: language stands twice at line 1 column 28: give one of the two",
            ),
            (
                r#"{"language": "c", "tests": [{"checker": "fuzzy"}]}"#,
                "InvalidRequest",
                "the request can't be understood: tests[0].checker: unknown variant `fuzzy`, expected one of `exact`, \
                 `trimmed`, `tokens`, `float` at line 1 column 47: give \"exact\", \"trimmed\", \"tokens\" or \"float\"",
            ),
            (
                "null",
                "InvalidRequest",
                "the request can't be understood: the request is null at line 1 column 4: give an object such as",
            ),
            (r#"["python"]"#, "InvalidRequest", "the request can't be understood: the request"),
        ] {
            let error = error(json);
            assert_eq!(error.reason(), reason, "{json}");
            assert!(error.to_string().starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn a_name_that_nothing_reads_is_told_with_the_one_that_was_meant() {
        for (json, message) in [
            (r#"{ "lenguage": "python"}"#, "unknown field `lenguage` at line 1 column 12: did you mean `language`?"),
            (
                "{\"language\": \"c\",\n\"tests\": [{}, {\"cheker\": 1}]}",
                "unknown field `cheker` of tests[1] at line 2 column 23: did you mean `checker`?",
            ),
            (
                r#"{"language": "c", "limits": {"timeout_seconds": 3}}"#,
                "unknown field `timeout_seconds` of limits at line 1 column 46: did you mean `timeoutSeconds`?",
            ),
            (
                r#"{"language": "c", "timeout": 3}"#,
                "unknown field `timeout` at line 1 column 27: did you mean `limits.timeoutSeconds`?",
            ),
            (
                r#"{"language": "c", "limits": {"env": []}}"#,
                "unknown field `env` of limits at line 1 column 34: did you mean `env` of the request itself?",
            ),
            (
                r#"{"language": "c", "env": [{"key": "A"}]}"#,
                "unknown field `key` of env[0] at line 1 column 32: the fields are name, value",
            ),
        ] {
            let error = error(json);
            assert_eq!(error.reason(), "UnknownField", "{json}");
            assert!(error.to_string().starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        let mut json = b"{\n \"language\": \"py\", \"code\": \"\"}".to_vec();
        json.splice(32..32, [0xff]);
        assert_eq!(
            request(&json).expect_err("it is no text").to_string(),
            "the request is not valid JSON: it is not UTF-8 at line 2 column 31: send UTF-8, and other bytes as a file with \
             \"encoding\": \"base64\""
        );
    }

    #[test]
    fn a_body_comes_plain() {
        let check = |encoding: &'static str| {
            check_encoding(&HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(encoding))]))
        };
        assert_eq!((check_encoding(&HeaderMap::new()), check("identity")), (Ok(()), Ok(())));
        let refusal = check("gzip").expect_err("it is packed");
        assert_eq!((refusal.status().as_u16(), refusal.reason()), (415, "UnsupportedEncoding"));
        assert!(refusal.to_string().ends_with("without Content-Encoding: gzip"), "{refusal}");
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
        let room = Room::new(100);
        let chunks = |chunks: Vec<Result<Bytes, std::io::Error>>| futures::stream::iter(chunks);
        let broken = chunks(vec![Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))]);
        let time = Duration::from_millis(20);
        let read = |body| bytes_within(counted(body, &room, &Asker::Other), 9, time);
        assert_eq!(read(Body::from_stream(broken)).await, Err(BodyError::BrokeOff));
        let endless = futures::StreamExt::chain(chunks(vec![Ok(Bytes::from_static(b"{"))]), futures::stream::pending());
        assert_eq!(read(Body::from_stream(endless)).await, Err(BodyError::TooSlow));
        assert!(room.take(None, 100).is_some(), "nothing of them is held");
    }

    #[tokio::test]
    async fn bodies_beyond_the_memory_for_them_are_sent_away() {
        let room = Room::new(100);
        let half = room.take(None, 50).expect("it is free");
        let read = || bytes(counted(Body::from(vec![b' '; 60]), &room, &Asker::Other), 60);
        let refusal = read().await.expect_err("there is no room");
        assert_eq!((refusal.status(), refusal.reason()), (StatusCode::SERVICE_UNAVAILABLE, "Crowded"));
        drop(half);
        assert!(read().await.is_ok());
    }

    #[tokio::test]
    async fn a_body_counts_for_what_may_be_kept_of_it() {
        let room = Room::new(2 * BODY_BYTES_MAX);
        let endless = || counted(Body::from(vec![b' '; 4 * BODY_BYTES_MAX]), &room, &Asker::Other);
        assert_eq!(bytes(endless(), BODY_BYTES_MAX).await, Err(BodyError::TooLarge(BODY_BYTES_MAX)));
        let mut body = endless();
        body.frame().await.expect("a frame").expect("there is room");
        assert!(room.take(None, BODY_BYTES_MAX + 1).is_none());
        drop(body);
        assert!(room.take(None, 2 * BODY_BYTES_MAX).is_some());
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
            if let Err(error) = request(&mangled) {
                prop_assert!(error == BodyError::Empty || error.to_string().contains(" at line "), "{error}");
            }
        }

        #[test]
        fn any_bytes_are_read_or_told_with_a_line(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            if let Err(error) = request(&bytes) {
                prop_assert!(error.to_string().contains(" at line "), "{error}");
            }
        }
    }
}
