//! A client of the HTTP API that hides nothing of the answers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventsource_stream::Eventsource as _;
use futures::{Stream, StreamExt as _};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::Base;

/// A client.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: Base,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What kind of event.
    pub name: String,
    /// The position behind it.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }

    /// A header; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, which has to come with a status.
    ///
    /// # Panics
    /// It is another status.
    pub fn with(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// The message of a refusal, which has to have a status, a reason and all that belongs to one.
    ///
    /// # Panics
    /// It is another one.
    pub fn refused(&self, status: u16, reason: &str) -> String {
        let body = self.with(status);
        assert_eq!(body["reason"], reason, "{}", self.text());
        let keys: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
        // Input that may be sent again is told from where on.
        let taken = matches!(reason, "InputMissing" | "InputFull").then_some("taken");
        let expected: Vec<_> = ["message", "reason", "requestId"].into_iter().chain(taken).collect();
        assert_eq!(keys, expected, "{}", self.text());
        assert_eq!(body["requestId"], self.header("x-request-id"), "{}", self.text());
        let message = body["message"].as_str().expect("a sentence").to_owned();
        assert!(!message.is_empty());
        message
    }
}

impl Api {
    pub(crate) fn new(base: &Base) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { http, base: base.clone() }
    }

    /// A request for a path of the server.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base.url));
        match &self.base.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// There is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap_or_else(|error| panic!("the server answers: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.expect("the answer is whole").to_vec();
        Answer { status, headers, body }
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Deletes a path.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Posts a body.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, path).header("content-type", "application/json").body(body)).await
    }

    /// Has a run taken, and gives its id.
    pub async fn create(&self, request: &Value) -> String {
        let run = self.post("/api/v1/runs", request.to_string()).await.with(202);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// The run once it has ended.
    pub async fn ended(&self, id: &str) -> Value {
        loop {
            let run = self.get(&format!("/api/v1/runs/{id}?wait=60s")).await.with(200);
            if is_over(&run) {
                return run;
            }
        }
    }

    /// Has something run, and gives the run once it has ended.
    pub async fn run(&self, request: &Value) -> Value {
        let id = self.create(request).await;
        self.ended(&id).await
    }

    /// The events of a run behind a position, as they come.
    pub async fn events(&self, id: &str, after: Option<&str>) -> impl Stream<Item = Told> + Unpin + use<> {
        let request = self.request(Method::GET, &format!("/api/v1/runs/{id}/events"));
        let request = match after {
            Some(after) => request.header("last-event-id", after),
            None => request,
        };
        let response = request.send().await.expect("the server answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Box::pin(response.bytes_stream().eventsource().map(|event| {
            let event = event.expect("an event");
            let data = serde_json::from_str(&event.data).expect("its data is JSON");
            Told { name: event.event, id: event.id, data }
        }))
    }

    /// All events of a run behind a position, to the end of the stream.
    pub async fn all_events(&self, id: &str, after: Option<&str>) -> Vec<Told> {
        self.events(id, after).await.collect().await
    }

    /// The address of a path for a WebSocket.
    pub fn web_socket(&self, path: &str) -> String {
        format!("{}{path}", self.base.url.replacen("http", "ws", 1))
    }

    /// The API key, where the server asks for one.
    pub fn key(&self) -> Option<&str> {
        self.base.key.as_deref()
    }
}

impl Told {
    /// The bytes that it says, where it is output.
    ///
    /// # Panics
    /// It holds neither text nor base64.
    pub fn bytes(&self) -> Vec<u8> {
        match (self.data["text"].as_str(), self.data["base64"].as_str()) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("base64"),
            _ => panic!("neither text nor base64: {}", self.data),
        }
    }
}

/// What is told of a stream, put together.
pub fn output(events: &[Told], stream: &str) -> Vec<u8> {
    events.iter().filter(|told| told.name == stream).flat_map(Told::bytes).collect()
}

/// Whether a run has ended.
pub fn is_over(run: &Value) -> bool {
    matches!(run["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// A request for a program in Python.
pub fn python(code: &str) -> Value {
    json!({ "language": "python", "code": code })
}

/// The same with more in it.
pub fn with(mut request: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("not an object: {more}") };
    request.as_object_mut().expect("an object").extend(more);
    request
}

/// Waits a little.
pub async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
