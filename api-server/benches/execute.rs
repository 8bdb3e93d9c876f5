//! How long `POST /execute` takes with no cluster, beside the interpreter started by hand on this machine and beside the runner
//! without a front door. The real server, with its defaults; all take turns; each figure is of the time from the start to the end of the output as the one who
//! asked sees it.
//!
//! `LOCUS_LOG=warn cargo bench -p locus-api-server --bench execute` needs `python3`; without `node` it leaves JavaScript
//! out. A number behind `--` is that of the rounds.

#[path = "../tests/common/mod.rs"]
mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::Server;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use locus_core::{Limits, Network, RunRequest, Transcript};
use locus_runner::embedded::Launcher;
use locus_runner::toolchain::{Survey, Toolchain};
use serde_json::{Value, json};

const ROUNDS: usize = 200;
/// The first rounds fill caches.
const UNCOUNTED: usize = 3;
/// More than a spare runner, with an interpreter in it, needs to get ready.
const READY: Duration = Duration::from_millis(250);
/// Python runs one right after the other, in each round.
const BACK_TO_BACK: usize = 5;

/// A language: its program, how that is started by hand, and the goal for the ratio of the two.
struct Language {
    id: &'static str,
    code: &'static str,
    file: &'static str,
    /// Asked for the interpreter's real path: what is on PATH may be a shim that takes longer than the interpreter.
    probe: [&'static str; 3],
    goal: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language {
        id: "python",
        code: "print('hello')",
        file: "main.py",
        probe: ["python3", "-c", "import sys; print(sys.executable)"],
        goal: "0.5",
    },
    Language {
        id: "javascript",
        code: "console.log('hello')",
        file: "main.js",
        probe: ["node", "-e", "console.log(process.execPath)"],
        goal: "0.15",
    },
];

#[derive(Default)]
struct Times {
    execute: Vec<Duration>,
    runner: Vec<Duration>,
    bare: Vec<Duration>,
    back_to_back: Vec<Duration>,
}

fn main() -> ExitCode {
    // A runner is this binary again, and starts with no thread but its own.
    if std::env::args().nth(1).is_some_and(|first| first == locus_runner::EMBEDDED_COMMAND) {
        return locus_runner::main(std::env::args().skip(2));
    }
    measure();
    ExitCode::SUCCESS
}

#[tokio::main]
async fn measure() {
    // Cargo adds --bench.
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let folder = tempfile::tempdir().expect("a folder");
    let mut found = Vec::new();
    for language in &LANGUAGES {
        match interpreter(language) {
            Some(interpreter) => {
                std::fs::write(folder.path().join(language.file), language.code).expect("it is written");
                found.push((language, interpreter, Times::default()));
            }
            None => println!("NOT RUN: {} is not installed", language.probe[0]),
        }
    }
    let server = Server::start(&[]);
    let http = Http::new(server.address);
    let probe = tokio::task::spawn_blocking(|| Launcher::probe(Network::None));
    let launcher = probe.await.expect("no panic").expect("the sandbox is examined");
    let survey = Survey::start();
    for round in 0..rounds + UNCOUNTED {
        for turn in 0..found.len() {
            // Nobody always follows the same other.
            let count = found.len();
            let (language, interpreter, times) = &mut found[(turn + round) % count];
            let body = json!({"language": language.id, "code": language.code});
            tokio::time::sleep(READY).await;
            let execute = http.execute(&body).await;
            let mut back_to_back = Vec::new();
            if language.id == "python" {
                for _ in 0..BACK_TO_BACK {
                    back_to_back.push(http.execute(&body).await);
                }
            }
            tokio::time::sleep(READY).await;
            let toolchain = survey.find(language.id).await.expect("it is installed");
            let runner = run(&launcher, &toolchain, language.code).await;
            tokio::time::sleep(READY).await;
            let bare = bare(interpreter, language.file, folder.path());
            if round >= UNCOUNTED {
                times.execute.push(execute);
                times.runner.push(runner);
                times.bare.push(bare);
                times.back_to_back.append(&mut back_to_back);
            }
        }
    }
    println!("{rounds} rounds, milliseconds               p50      p99");
    for (language, _, times) in &mut found {
        let file = language.file;
        for (name, times) in [
            (format!("bare {} {file}", language.probe[0]), &mut times.bare),
            (format!("runner alone, {}", language.id), &mut times.runner),
            (format!("POST /execute, {}", language.id), &mut times.execute),
            (format!("{} back to back, {}", BACK_TO_BACK, language.id), &mut times.back_to_back),
        ] {
            times.sort_unstable();
            if !times.is_empty() {
                println!("{name:<32}  {:>8.2} {:>8.2}", at(times, 50), at(times, 99));
            }
        }
    }
    for (language, _, times) in &found {
        let ratio = |percent| at(&times.execute, percent) / at(&times.bare, percent);
        let (p50, p99) = (ratio(50), ratio(99));
        println!(
            "POST /execute / bare {:<11}  {p50:>8.2} {p99:>8.2}   goal for p50: {}",
            language.probe[0], language.goal
        );
        let over = |percent| at(&times.execute, percent) - at(&times.runner, percent);
        println!("front door over its runner       {:>8.2} {:>8.2}   goal for p50: 1.00", over(50), over(99));
    }
}

/// A run with no front door before it.
async fn run(launcher: &Launcher, toolchain: &Toolchain, code: &str) -> Duration {
    let request =
        RunRequest { language: toolchain.language.id.clone(), code: Some(code.to_owned()), ..Default::default() };
    let program = toolchain.program.clone();
    let begin = Instant::now();
    let assignment = toolchain.language.assignment("bench".into(), program, request, Limits::DEFAULT, Limits::MAXIMUM);
    let mut run = launcher.launch(assignment.expect("it is valid")).await.expect("it starts");
    let mut transcript = Transcript::default();
    while let Some(event) = run.next_event().await {
        transcript.push(event.expect("it is followed"), usize::MAX);
    }
    let time = begin.elapsed();
    assert_eq!(transcript.stdout, b"hello\n");
    time
}

/// The real path of a language's interpreter, where it is installed.
fn interpreter(language: &Language) -> Option<String> {
    let [program, arguments @ ..] = language.probe;
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn bare(interpreter: &str, file: &str, folder: &Path) -> Duration {
    let begin = Instant::now();
    let output = Command::new(interpreter).arg(file).current_dir(folder).stdin(Stdio::null()).output();
    let time = begin.elapsed();
    let output = output.expect("it starts");
    assert_eq!((output.status.success(), output.stdout.as_slice()), (true, b"hello\n".as_slice()));
    time
}

/// A client that keeps its connection.
struct Http {
    client: Client<HttpConnector, Body>,
    address: SocketAddr,
}

impl Http {
    fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), address }
    }

    async fn execute(&self, body: &Value) -> Duration {
        let request = Request::post(format!("http://{}/execute", self.address))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .expect("a request");
        let begin = Instant::now();
        let response = self.client.request(request).await.expect("the server answers");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the answer is whole").to_bytes();
        let time = begin.elapsed();
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(parts.status, StatusCode::OK, "{answer}");
        assert_eq!(answer, json!({"stdout": "hello\n", "stderr": "", "error": ""}));
        time
    }
}

/// A percentile in milliseconds, of the nearest rank.
fn at(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1].as_secs_f64() * 1000.0
}
