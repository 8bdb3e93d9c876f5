//! How long the APIs of others take beside our own: each route of a table runs the same program on the real server with its
//! defaults, all in turns; each figure is of the time from the request to the end of the answer.
//!
//! `LOCUS_LOG=warn cargo bench -p locus-api-server --bench compat` needs `python3`. A number behind `--` is that of the
//! rounds.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use common::Server;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

const ROUNDS: usize = 200;
/// The first rounds fill caches.
const UNCOUNTED: usize = 3;
/// More than a spare runner, with an interpreter in it, needs to get ready.
const READY: Duration = Duration::from_millis(250);
const CODE: &str = "print('hello')";

/// A route that runs a program and waits for it.
struct Route {
    name: &'static str,
    path: &'static str,
    body: fn() -> Value,
    /// Where its output stands in the answer.
    stdout: &'static str,
}

/// The first one is what the others are measured by.
const ROUTES: [Route; 7] = [
    Route {
        name: "native",
        path: "/api/v1/runs?wait=30s",
        body: || json!({ "language": "python", "code": CODE }),
        stdout: "/stdout",
    },
    Route {
        name: "POST /execute",
        path: "/execute",
        body: || json!({ "language": "python", "code": CODE }),
        stdout: "/stdout",
    },
    Route {
        name: "Piston",
        path: "/api/v2/execute",
        body: || json!({ "language": "python", "version": "*", "files": [{ "content": CODE }] }),
        stdout: "/run/stdout",
    },
    Route {
        name: "Judge0",
        path: "/submissions?wait=true",
        body: || json!({ "language_id": 71, "source_code": CODE }),
        stdout: "/stdout",
    },
    Route {
        name: "Judge0, judged",
        path: "/submissions?wait=true",
        body: || json!({ "language_id": 71, "source_code": CODE, "expected_output": "hello" }),
        stdout: "/stdout",
    },
    Route {
        name: "LibreChat",
        path: "/librechat/exec",
        body: || json!({ "lang": "py", "code": CODE }),
        stdout: "/stdout",
    },
    Route {
        name: "MCP",
        path: "/mcp",
        body: || {
            let arguments = json!({ "language": "python", "code": CODE });
            let params = json!({ "name": "run_code", "arguments": arguments });
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })
        },
        stdout: "/result/structuredContent/stdout",
    },
];

#[tokio::main]
async fn main() {
    // Cargo adds --bench.
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let server = Server::start(&[]);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut times: Vec<Vec<Duration>> = ROUTES.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds + UNCOUNTED {
        for turn in 0..ROUTES.len() {
            // Nobody always follows the same other.
            let at = (turn + round) % ROUTES.len();
            tokio::time::sleep(READY).await;
            let time = asked(&client, &server, &ROUTES[at]).await;
            if round >= UNCOUNTED {
                times[at].push(time);
            }
        }
    }
    println!("{rounds} rounds, milliseconds          p50      p99   over native: p50, p99 (goal for p50: 1.00)");
    for times in &mut times {
        times.sort_unstable();
    }
    for (route, own) in ROUTES.iter().zip(&times) {
        let (p50, p99) = (at(own, 50), at(own, 99));
        let (over50, over99) = (p50 - at(&times[0], 50), p99 - at(&times[0], 99));
        println!("{:<26}  {p50:>8.2} {p99:>8.2}   {over50:>8.2} {over99:>8.2}", route.name);
    }
}

async fn asked(client: &Client<HttpConnector, Body>, server: &Server, route: &Route) -> Duration {
    let request = Request::post(format!("http://{}{}", server.address, route.path))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .body(Body::from((route.body)().to_string()))
        .expect("a request");
    let begin = Instant::now();
    let response = client.request(request).await.expect("the server answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("the answer is whole").to_bytes();
    let time = begin.elapsed();
    let text = std::str::from_utf8(&body).expect("text");
    // MCP answers with a stream of events, of which the last is the answer.
    let text = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap_or(text);
    let answer: Value = serde_json::from_str(text).expect("JSON");
    assert!(parts.status.is_success(), "{answer}");
    assert_eq!(answer.pointer(route.stdout), Some(&json!("hello\n")), "{answer}");
    time
}

/// A percentile in milliseconds, of the nearest rank.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1].as_secs_f64() * 1000.0
}
