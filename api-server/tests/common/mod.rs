//! What the tests share: a real server, and a client for it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod contract;
pub mod fake;

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The real binary on a free port; it is killed when it is dropped.
pub struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub address: SocketAddr,
    /// What it said before its address.
    pub banner: String,
}

impl Server {
    pub fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_locus-api-server"))
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // It is killed from here on, whatever it says.
        let mut server = Self { child, lines, address: ([0, 0, 0, 0], 0).into(), banner: String::new() };
        while let Some(line) = server.lines.next() {
            let line = line.expect("text");
            if let Some(address) = line.strip_prefix("open http://") {
                server.address = address.parse().expect("an address");
                return server;
            }
            server.banner += &line;
            server.banner.push('\n');
        }
        panic!("the server ended before it told its address: {}", server.banner);
    }

    /// The next line with a text that it says after its address.
    pub fn says(&mut self, part: &str) -> String {
        self.lines.by_ref().map(|line| line.expect("text")).find(|line| line.contains(part)).expect("it is said")
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits for the end and tells whether it was a good one.
    pub fn ended_well(mut self) -> bool {
        self.child.wait().expect("it can be waited for").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub async fn send(request: Request<Body>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.expect("the server answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the answer is whole").to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.into()).expect("text") }
}

/// The answer to a request with further headers.
pub async fn call(
    server: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("http://{server}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(body.into()).expect("a request")).await
}

/// Takes a run; its id and the answer.
pub async fn create(server: SocketAddr, query: &str, request: &Value) -> (String, Answer) {
    let answer = call(server, Method::POST, &format!("/api/v1/runs{query}"), &[], request.to_string()).await;
    (answer.json()["id"].as_str().unwrap_or_default().to_owned(), answer)
}

/// A run, once it is over.
pub async fn ended(server: SocketAddr, id: &str) -> Value {
    get(server, &format!("/api/v1/runs/{id}?wait=1m")).await.json()
}

/// A run's events, as they come.
pub struct Events {
    body: Body,
    bytes: Vec<u8>,
}

/// An event: its id, its name and its data.
pub type Event = (String, String, Value);

impl Events {
    pub async fn open(server: SocketAddr, id: &str, last: Option<&str>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut request = Request::get(format!("http://{server}/api/v1/runs/{id}/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response =
            client.request(request.body(Body::empty()).expect("a request")).await.expect("the server answers");
        assert!(response.status().is_success(), "{response:?}");
        Self { body: Body::new(response.into_body()), bytes: Vec::new() }
    }

    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("text");
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                // What holds no data is a heartbeat.
                let Some(data) = field("data: ") else { continue };
                let data = serde_json::from_str(&data).expect("JSON");
                return Some((field("id: ").expect("an id"), field("event: ").expect("a name"), data));
            }
            let bytes = self.body.frame().await?.expect("it goes on").into_data().unwrap_or_default();
            self.bytes.extend(bytes);
        }
    }

    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

pub async fn get(server: SocketAddr, path: &str) -> Answer {
    send(Request::get(format!("http://{server}{path}")).body(Body::empty()).expect("a request")).await
}

pub async fn execute(server: SocketAddr, request: &Value) -> Answer {
    let request = Request::post(format!("http://{server}/execute"))
        .header("content-type", "application/json")
        .body(Body::from(request.to_string()))
        .expect("a request");
    send(request).await
}

/// The languages that the server has.
pub async fn languages(server: SocketAddr) -> Vec<String> {
    let list = get(server, "/api/v1/languages").await.json();
    let languages = list["languages"].as_array().expect("a list");
    languages.iter().map(|language| language["id"].as_str().expect("an id").to_owned()).collect()
}

pub fn python(code: &str) -> Value {
    json!({ "language": "python", "code": code })
}
