//! What Piston's table can't say: sockets, keys and rates.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures::{SinkExt as _, StreamExt as _};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::common::{Server, call, get, languages};
use crate::trial;

pub fn trials(server: SocketAddr) -> Vec<Trial> {
    vec![
        trial("piston: a socket tells what a program writes and hands it input", talk(server)),
        trial("piston: a socket tells how a program has failed", failures(server)),
        trial("piston: a socket tells of compiling", compiling(server)),
        trial("piston: a socket is closed with the code of what is wrong", closed(server)),
        trial("piston: a socket that says nothing is closed after a second", silent(server)),
        trial("piston: a signal over a socket ends the program", signals(server)),
        trial("piston: a program ends when its socket does", gone(server)),
        trial("piston: a signal ends a program that does not read its input", signal_beside_input()),
        trial("piston: a program that does not read its input ends when its socket does", gone_beside_input()),
        trial("piston: more input than can wait is told as an error", too_much_input(server)),
        trial("piston: a message that is too large closes its socket", too_large(server)),
        trial("piston: what no run has room for is refused", no_room(server)),
        trial("piston: a key may stand alone in the header", keys()),
        trial("piston: a rate is told as one request in so many milliseconds", rate()),
    ]
}

/// A client of `/connect`.
struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: SocketAddr) -> Self {
        let url = format!("ws://{server}/api/v2/connect");
        Self(connect_async(url).await.expect("it is opened").0)
    }

    /// One whose program is said at once.
    async fn running(server: SocketAddr, language: &str, code: &str) -> Self {
        let mut socket = Self::open(server).await;
        socket.send(&init(language, code)).await;
        socket
    }

    async fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("it is sent");
    }

    /// What comes next: a message, or the code and the reason of the end.
    async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("there is an end").expect("it goes on") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(Some(frame)) => return json!([u16::from(frame.code), frame.reason.as_str()]),
                Message::Close(None) => return json!([]),
                _ => {}
            }
        }
    }

    async fn expect(&mut self, expected: &[Value]) {
        for expected in expected {
            assert_eq!(&self.next().await, expected);
        }
    }

    /// Everything up to the end.
    async fn rest(&mut self) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            all.push(self.next().await);
            if all.last().is_some_and(Value::is_array) {
                return all;
            }
        }
    }

    /// Reads the messages in front of the program's own.
    async fn begun(&mut self, language: &str) {
        let runtime = self.next().await;
        assert_eq!((&runtime["type"], &runtime["language"]), (&json!("runtime"), &json!(language)), "{runtime}");
        assert!(runtime["version"].as_str().is_some_and(|version| version.split('.').count() == 3), "{runtime}");
    }
}

fn init(language: &str, code: &str) -> Value {
    json!({"type": "init", "language": language, "version": "*", "files": [{"content": code}], "stdin": "lost"})
}

fn stage(stage: &str) -> Value {
    json!({"type": "stage", "stage": stage})
}

fn data(stream: &str, data: &str) -> Value {
    json!({"type": "data", "stream": stream, "data": data})
}

fn exit(stage: &str, code: Option<i32>, signal: Option<&str>) -> Value {
    json!({"type": "exit", "stage": stage, "code": code, "signal": signal})
}

fn completed() -> Value {
    json!([4999, "Job Completed"])
}

async fn talk(server: SocketAddr) {
    let code = "import sys\nprint('ready', flush=True)\nprint(input().upper(), flush=True)\n\
                print('€', file=sys.stderr)\nraise SystemExit(2)";
    let mut socket = Socket::running(server, "py", code).await;
    socket.begun("python").await;
    socket.expect(&[stage("run"), data("stdout", "ready\n")]).await;
    socket.send(&data("stdin", "hel")).await;
    socket.send(&json!({"type": "unknown"})).await;
    socket.send(&data("stdin", "lo\n")).await;
    socket.expect(&[data("stdout", "HELLO\n"), data("stderr", "€\n"), exit("run", Some(2), None), completed()]).await;
}

async fn failures(server: SocketAddr) {
    let mut socket = Socket::open(server).await;
    socket.send(&json!({"type": "init", "language": "klingon", "version": "1", "files": []})).await;
    let error = json!({"type": "error", "message": "klingon-1 runtime is unknown"});
    socket.expect(&[error, json!([4002, "Notified Error"])]).await;
    let mut socket = Socket::open(server).await;
    let mut slow = init("python", "import time; time.sleep(30)");
    slow["run_timeout"] = json!(500);
    socket.send(&slow).await;
    socket.begun("python").await;
    socket.expect(&[stage("run"), exit("run", None, Some("SIGKILL")), completed()]).await;
    let mut socket = Socket::running(server, "python", "import os; os.kill(os.getpid(), 11)").await;
    socket.begun("python").await;
    socket.expect(&[stage("run"), exit("run", None, Some("SIGSEGV")), completed()]).await;
}

async fn compiling(server: SocketAddr) {
    if !languages(server).await.iter().any(|id| id == "c") {
        println!("NOT TRIED: there is no C here");
        return;
    }
    let code = "#include <stdio.h>\nint main(void) { puts(\"hi\"); return 3; }";
    let mut socket = Socket::running(server, "c", code).await;
    socket.begun("c").await;
    let (compiled, hi) = (exit("compile", Some(0), None), data("stdout", "hi\n"));
    socket.expect(&[stage("compile"), compiled, stage("run"), hi, exit("run", Some(3), None), completed()]).await;
    let mut socket = Socket::running(server, "c", "int main(void) { return x; }").await;
    socket.begun("c").await;
    socket.expect(&[stage("compile")]).await;
    let rest = socket.rest().await;
    let [told, end @ ..] = &rest[..] else { panic!("{rest:?}") };
    assert!(told["stream"] == "stderr" && told["data"].as_str().is_some_and(|text| text.contains("error")), "{told}");
    assert_eq!(end, [exit("compile", Some(1), None), completed()]);
}

async fn closed(server: SocketAddr) {
    let run = init("python", "import time; time.sleep(30)");
    let error = |message: &str| vec![json!({"type": "error", "message": message}), json!([4002, "Notified Error"])];
    for (first, then, expected) in [
        (data("stdin", "x"), None, vec![json!([4003, "Not yet initialized"])]),
        (json!({"type": "signal", "signal": "SIGKILL"}), None, vec![json!([4003, "Not yet initialized"])]),
        (run.clone(), Some(run.clone()), vec![json!([4000, "Already Initialized"])]),
        (run.clone(), Some(data("stdout", "x")), vec![json!([4004, "Can only write to stdin"])]),
        (run.clone(), Some(json!({"type": "signal", "signal": "KILL"})), vec![json!([4005, "Invalid signal"])]),
        (run.clone(), Some(json!({"type": "signal", "signal": "SIGUSR1"})), vec![json!([4005, "Invalid signal"])]),
        (json!(null), None, error("Cannot read property 'type' of null")),
        (json!({"type": "init"}), None, error("language is required as a string")),
    ] {
        let mut socket = Socket::open(server).await;
        socket.send(&first).await;
        if let Some(then) = &then {
            socket.begun("python").await;
            socket.expect(&[stage("run")]).await;
            socket.send(then).await;
        }
        assert_eq!(socket.rest().await, expected, "{first} {then:?}");
    }
    let mut socket = Socket::open(server).await;
    socket.0.send(Message::text("{]")).await.expect("it is sent");
    assert_eq!(socket.rest().await, error("Unexpected token ] in JSON at position 1"));
}

async fn silent(server: SocketAddr) {
    let mut socket = Socket::open(server).await;
    socket.send(&json!({"type": "unknown"})).await;
    assert_eq!(socket.rest().await, [json!([4001, "Initialization Timeout"])]);
}

async fn signals(server: SocketAddr) {
    for signal in ["SIGKILL", "SIGTERM", "SIGINT"] {
        let mut socket = Socket::running(server, "python", "print(1, flush=True)\nwhile True: input()").await;
        socket.begun("python").await;
        socket.expect(&[stage("run"), data("stdout", "1\n")]).await;
        socket.send(&json!({"type": "signal", "signal": signal})).await;
        socket.expect(&[exit("run", None, Some(signal)), completed()]).await;
    }
}

/// A program that sleeps, whose client has sent so many pieces of input.
async fn sleeping(server: SocketAddr, pieces: usize) -> Socket {
    let mut socket = Socket::open(server).await;
    let mut sleeps = init("python", "import time; print(1, flush=True); time.sleep(250)");
    sleeps["run_timeout"] = json!(300_000);
    socket.send(&sleeps).await;
    socket.begun("python").await;
    socket.expect(&[stage("run"), data("stdout", "1\n")]).await;
    for _ in 0..pieces {
        socket.send(&data("stdin", &"x".repeat(512 << 10))).await;
    }
    socket
}

async fn signal_beside_input() {
    let server = Server::start(&[]);
    let mut socket = sleeping(server.address, 3).await;
    socket.send(&json!({"type": "signal", "signal": "SIGKILL"})).await;
    socket.expect(&[exit("run", None, Some("SIGKILL")), completed()]).await;
}

async fn gone_beside_input() {
    let server = Server::start(&[]);
    let socket = sleeping(server.address, 3).await;
    drop(socket);
    nothing_runs(server.address).await;
}

async fn too_much_input(server: SocketAddr) {
    let mut socket = sleeping(server, 5).await;
    let told = socket.next().await;
    assert_eq!(told["type"], "error", "{told}");
    assert!(told["message"].as_str().is_some_and(|text| text.contains("does not read its input")), "{told}");
    assert_eq!(socket.rest().await, [json!([4002, "Notified Error"])]);
}

async fn too_large(server: SocketAddr) {
    let mut socket = Socket::running(server, "python", "import time; time.sleep(30)").await;
    socket.begun("python").await;
    socket.expect(&[stage("run")]).await;
    socket.send(&data("stdin", &"x".repeat(2 << 20))).await;
    assert_eq!(socket.rest().await, [json!([1009, "Max payload size exceeded"])]);
}

async fn no_room(server: SocketAddr) {
    let program = |field: &str, value: Value| {
        let mut program = json!({"language": "python", "version": "*", "files": [{"content": "print(1)"}]});
        program[field] = value;
        program
    };
    let files = vec![json!({"content": "print(1)"}); 20_000];
    for (program, message) in [
        (program("stdin", json!("x".repeat(900_000))), "stdin holds at most 262144 bytes"),
        (program("args", json!(vec!["x"; 3000])), "args holds at most 128 items"),
        (program("args", json!(["x".repeat(100_000)])), "an item of args holds at most 4096 bytes"),
        (program("files", json!(files)), "a run has at most 32 files"),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = call(server, Method::POST, "/api/v2/execute", &headers, program.to_string()).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({ "message": message })));
        if message.starts_with("stdin") {
            continue;
        }
        let mut socket = Socket::open(server).await;
        let mut init = program;
        init["type"] = json!("init");
        socket.send(&init).await;
        let error = json!({"type": "error", "message": message});
        socket.expect(&[error, json!([4002, "Notified Error"])]).await;
    }
}

async fn gone(server: SocketAddr) {
    let label = "while True: pass # gone";
    let mut socket = Socket::running(server, "python", label).await;
    socket.begun("python").await;
    drop(socket);
    nothing_runs(server).await;
}

async fn nothing_runs(server: SocketAddr) {
    for _ in 0..100 {
        let runs = get(server, "/api/v1/runs?phase=Running").await.json();
        let runs = runs["runs"].as_array().expect("a list").len();
        if runs == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it still runs");
}

async fn keys() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let hash: Vec<String> = Sha256::digest("a").iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::write(file.path(), format!("keys:\n- {{name: a, sha256: {}}}\n", hash.concat())).expect("it is written");
    let server = Server::start(&["--api-keys", file.path().to_str().expect("text")]);
    for (path, key, status) in [
        ("/api/v2/runtimes", Some("a"), StatusCode::OK),
        ("/api/v2/piston/runtimes", Some("Bearer a"), StatusCode::OK),
        ("/api/v2/runtimes", Some("b"), StatusCode::UNAUTHORIZED),
        ("/api/v2/runtimes", None, StatusCode::UNAUTHORIZED),
        ("/api/v2/connect", None, StatusCode::UNAUTHORIZED),
        ("/api/v1/languages", Some("a"), StatusCode::UNAUTHORIZED),
    ] {
        let headers: Vec<_> = key.map(|key| ("authorization", key)).into_iter().collect();
        let answer = call(server.address, Method::GET, path, &headers, "").await;
        assert_eq!(answer.status, status, "{path} {key:?}");
        if status == StatusCode::UNAUTHORIZED && path.starts_with("/api/v2") {
            let body = answer.json();
            assert!(body["message"].is_string() && body.as_object().is_some_and(|body| body.len() == 1), "{body}");
        }
    }
}

async fn rate() {
    let server = Server::start(&["--rate-limit", "3"]);
    for _ in 0..3 {
        assert_eq!(get(server.address, "/api/v2/runtimes").await.status, StatusCode::OK);
    }
    let refused = get(server.address, "/api/v2/runtimes").await;
    let message = json!({"message": "Requests limited to 1 per 20000ms"});
    assert_eq!((refused.status, refused.json()), (StatusCode::TOO_MANY_REQUESTS, message));
    assert!(refused.headers.contains_key("retry-after"));
}
