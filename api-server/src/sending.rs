//! Answers on their way out. A client that does not read what it asked for must not fill the memory, nor must many of them.
//!
//! JSON is six times as large as the bytes in it where these are NULs. So the long texts of an answer are held as they are and
//! written as JSON piece by piece, as the client takes them. And what is held of all answers is counted, each as long as
//! it has not gone out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use hyper::body::{Body as _, Frame, SizeHint};
use locus_core::Run;
use serde::Serialize;

use crate::answer::Problem;
use crate::rate::Asker;
use crate::shares::{Held, Room};

/// The bytes of all large answers that are held.
pub const ANSWERS_BYTES_MAX: usize = 128 << 20;
/// An answer of no more is not counted: the number of connections bounds those.
const SMALL_BYTES: usize = 64 << 10;
/// A text of no more is written with the rest.
const SHORT_BYTES: usize = 4 << 10;
/// What goes out at a time: what lies in a connection's own buffer is no longer counted.
const SLICE_BYTES: usize = 16 << 10;
/// When to come back after there was no room.
const RETRY_AFTER_SECONDS: u32 = 1;

/// What an answer holds, where that is not the length of its body.
#[derive(Debug, Clone, Copy)]
struct Weight(usize);

/// The answer that tells of a run.
#[must_use]
pub fn run(mut run: Run) -> Response {
    let mut long = Texts::default();
    texts(&mut run).for_each(|text| long.put(text));
    long.answer(&run)
}

/// All texts of a run that may be long.
pub fn texts(run: &mut Run) -> impl Iterator<Item = &mut String> {
    let compile = run.compile.iter_mut().flat_map(|compile| [&mut compile.stdout, &mut compile.stderr]);
    let cases = run.tests.iter_mut().flat_map(|tests| &mut tests.cases).flat_map(|case| {
        [&mut case.stdout, &mut case.stdout_base64, &mut case.stderr, &mut case.stderr_base64].into_iter().flatten()
    });
    let files = run.files.iter_mut().map(|file| &mut file.content);
    let streams = [&mut run.stdout, &mut run.stdout_base64, &mut run.stderr, &mut run.stderr_base64];
    streams.into_iter().flatten().chain(compile).chain(cases).chain(files)
}

/// Long texts that are taken out of a value, with a mark in the place of each: what is written of them as JSON is made when
/// it is sent.
#[derive(Debug)]
pub struct Texts {
    /// How each mark begins. Nobody can know it who has written any of the texts.
    mark: String,
    texts: Vec<String>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { mark: uuid::Uuid::new_v4().to_string(), texts: Vec::new() }
    }
}

impl Texts {
    /// Takes a text out, if it is long.
    pub fn put(&mut self, text: &mut String) {
        if text.len() > SHORT_BYTES {
            let mark = format!("{}.{}", self.mark, self.texts.len());
            self.texts.push(std::mem::replace(text, mark));
        }
    }

    /// The answer that tells of the value with its texts.
    #[must_use]
    pub fn answer(mut self, value: &impl Serialize) -> Response {
        let json = match serde_json::to_string(value) {
            Ok(json) if !self.texts.is_empty() => json,
            // It says what went wrong as well.
            _ => return Json(value).into_response(),
        };
        let weight = json.len() + self.texts.iter().map(String::len).sum::<usize>();
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let pieces = self.parts(&json).into_iter().flatten().map(Ok::<_, Infallible>);
        let body = Body::from_stream(stream::iter(pieces));
        let mut response = (kind, body).into_response();
        response.extensions_mut().insert(Weight(weight));
        response
    }

    /// The JSON with each mark replaced by its text.
    fn parts(&mut self, json: &str) -> Vec<Part> {
        let (mut parts, mut rest) = (Vec::new(), json);
        while let Some((before, behind)) = rest.split_once(&format!("{}.", self.mark)) {
            let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
            let text = behind[..digits].parse().ok().and_then(|number: usize| self.texts.get_mut(number));
            parts.push(Part::Json(before.to_owned()));
            parts.extend(text.map(|text| Part::Text { text: std::mem::take(text), at: 0 }));
            rest = &behind[digits..];
        }
        parts.push(Part::Json(rest.to_owned()));
        parts
    }
}

/// A part of an answer, which is written piece by piece.
#[derive(Debug)]
enum Part {
    /// What is JSON already.
    Json(String),
    /// A text that stands within quotes: how a character is written does not hang on its neighbours.
    Text { text: String, at: usize },
}

impl Iterator for Part {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (text, at) = match self {
            Self::Json(json) => return Some(std::mem::take(json)).filter(|json| !json.is_empty()),
            Self::Text { text, at } => (text, at),
        };
        let rest = text.get(*at..).filter(|rest| !rest.is_empty())?;
        let end = (0..=rest.len().min(SLICE_BYTES)).rev().find(|&end| rest.is_char_boundary(end))?;
        let piece = &rest[..end];
        *at += piece.len();
        let quoted = serde_json::Value::from(piece).to_string();
        Some(quoted[1..quoted.len() - 1].to_owned())
    }
}

/// An answer that is counted until it has gone out, if it is large.
///
/// # Errors
/// There is no room for it.
pub fn counted(response: Response, room: &Arc<Room>, asker: &Asker) -> Result<Response, Problem> {
    let weight = response.extensions().get().map(|Weight(weight)| *weight);
    let weight = weight.or_else(|| usize::try_from(response.body().size_hint().exact()?).ok()).unwrap_or_default();
    if weight <= SMALL_BYTES {
        return Ok(response);
    }
    match room.take(Some(asker), weight) {
        Some(held) => Ok(response.map(|body| Body::new(Sliced { body, rest: Bytes::new(), _held: held }))),
        None => Err(crowded(&response)),
    }
}

/// A run that was to be told of stays where it was, and is asked for there.
fn crowded(response: &Response) -> Problem {
    let message = "too many large answers are being read at the same time, or not read: ask again in a second";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Crowded", message);
    let problem = problem.with(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    match response.headers().get(header::LOCATION) {
        Some(location) => problem.with(header::LOCATION, location),
        None => problem,
    }
}

/// A body that is handed over slice by slice: a connection asks for the next one when its client has taken those before.
struct Sliced {
    body: Body,
    rest: Bytes,
    _held: Held,
}

impl hyper::body::Body for Sliced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(SLICE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, of_body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header;
    use axum::response::{IntoResponse as _, Response};
    use http_body_util::BodyExt as _;
    use locus_core::{CaseView, CompileResult, OutputFile, Run, TestsView, Verdict};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{Part, SLICE_BYTES, SMALL_BYTES, counted, run};
    use crate::rate::Asker;
    use crate::shares::Room;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.expect("it is whole").to_bytes();
        String::from_utf8(bytes.into()).expect("text")
    }

    fn long(begin: &str) -> String {
        format!("{begin}\"\0\n€😀").repeat(10_000)
    }

    #[tokio::test]
    async fn a_run_with_long_texts_is_told_as_any_other() {
        let case = CaseView {
            name: None,
            verdict: Verdict::Passed,
            end: None,
            stdout: Some(long("case")),
            stdout_base64: None,
            stderr: Some(String::new()),
            stderr_base64: None,
            truncated: false,
        };
        let told = Run {
            id: "run-1".into(),
            stdout: Some(long("out")),
            stderr_base64: Some("AAAA".repeat(5000)),
            compile: Some(CompileResult { stdout: "short".into(), stderr: "\\".repeat(9999), exit_code: Some(0) }),
            tests: Some(TestsView { passed: 1, total: 1, cases: vec![case] }),
            files: vec![OutputFile::new("a".into(), vec![b'"'; 9999], "text/plain".into())],
            ..Run::default()
        };
        let response = run(told.clone());
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(text(response).await, serde_json::to_string(&told).expect("it serializes"));
    }

    proptest! {
        #[test]
        fn pieces_of_a_text_are_the_text(text in any::<String>(), copies in 1..2000_usize) {
            let text = text.repeat(copies);
            let part = Part::Text { text: text.clone(), at: 0 };
            let told = format!("\"{}\"", part.collect::<String>());
            prop_assert_eq!(told, serde_json::to_string(&text).expect("it serializes"));
        }
    }

    #[tokio::test]
    async fn an_answer_counts_until_its_last_slice_is_taken() {
        let (room, asker) = (Room::new(100 + 4 * SMALL_BYTES), Asker::Other);
        let large = || vec![b'x'; 2 * SMALL_BYTES].into_response();
        let mut body = counted(large(), &room, &asker).expect("there is room").into_body();
        assert_eq!(
            body.frame().await.expect("a frame").expect("no error").into_data().expect("data").len(),
            SLICE_BYTES
        );
        let with_place = ([(header::LOCATION, "/run")], large()).into_response();
        let problem = counted(with_place, &room, &asker).expect_err("it would leave too little");
        assert_eq!((problem.reason, problem.headers[1].1.as_bytes()), ("Crowded", &b"/run"[..]));
        assert!(counted("small".into_response(), &room, &asker).is_ok());
        while let Some(frame) = body.frame().await {
            frame.expect("no error");
        }
        drop(body);
        assert!(counted(large(), &room, &asker).is_ok());
    }

    #[tokio::test]
    async fn a_run_counts_by_what_it_holds_and_not_by_its_json() {
        let nuls = || Run { stdout: Some("\0".repeat(SMALL_BYTES)), ..Run::default() };
        let (room, asker) = (Room::new(2 * SMALL_BYTES), Asker::Other);
        let response = counted(run(nuls()), &room, &asker).expect("it is as large as its text");
        assert!(room.take(Some(&Asker::Key("other".into())), SMALL_BYTES).is_none());
        assert_eq!(text(response).await, serde_json::to_string(&nuls()).expect("it serializes"));
        assert!(room.take(None, 2 * SMALL_BYTES).is_some());
        assert!(counted(Response::new(Body::empty()), &room, &asker).is_ok());
    }
}
