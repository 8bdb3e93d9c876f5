//! The runner's HTTP, as the operator and others meet it.

use std::net::TcpListener as StdListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use locus_core::token::{Claims, Scope, TokenSigner, body_digest};
use locus_core::{Assignment, Encoding, Event, Limits, Outcome, SourceFile, Transcript};
use locus_runner::toolchain::detect;

struct Server {
    process: Child,
    port: u16,
    signer: TokenSigner,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start() -> Self {
        let signer = TokenSigner::from_seed(&[7; 32]);
        let folder = tempfile::tempdir().expect("a folder");
        let port = StdListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let process = Command::new(env!("CARGO_BIN_EXE_locus-runner"))
            .arg("serve")
            .env("LOCUS_POD_UID", "p1")
            .env("LOCUS_PUBLIC_KEYS", signer.public_key())
            .env("LOCUS_LISTEN", format!("127.0.0.1:{port}"))
            .env("LOCUS_WORK_DIR", folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("the runner starts");
        let server = Self { process, port, signer, _folder: folder };
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server
    }

    fn claims(&self, body: Option<&[u8]>) -> Claims {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        Claims { aud: "p1".into(), run: "r1".into(), scope: Scope::Run, exp: now + 60, body: body.map(body_digest) }
    }

    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: &[u8]) -> (StatusCode, Bytes) {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.expect("it listens");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "runner");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        let status = response.status();
        (status, response.into_body().collect().await.expect("a body").to_bytes())
    }

    async fn call(&self, method: Method, path: &str, body: &[u8]) -> (StatusCode, Bytes) {
        let signed = (method == Method::PUT).then_some(body);
        let token = self.signer.sign(&self.claims(signed));
        self.send(method, path, Some(&token), body).await
    }

    async fn transcript(&self) -> Transcript {
        let (status, body) = self.call(Method::GET, "/v1/runs/r1/events", b"").await;
        assert_eq!(status, StatusCode::OK);
        let mut transcript = Transcript::default();
        for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            transcript.push(serde_json::from_slice::<Event>(line).expect("an event"), usize::MAX);
        }
        transcript
    }
}

fn assignment(uid: &str, code: &str) -> Vec<u8> {
    let found = detect().into_iter().find(|found| found.language.id == "python").expect("these tests need python3");
    let assignment = Assignment {
        uid: uid.into(),
        program: found.program(),
        files: vec![SourceFile { name: "main.py".into(), content: code.into(), encoding: Encoding::Utf8 }],
        stdin: String::new(),
        args: vec![],
        env: vec![],
        compile_args: vec![],
        limits: Limits::DEFAULT,
    };
    serde_json::to_vec(&assignment).expect("it serializes")
}

#[tokio::test]
async fn a_run_is_started_once_followed_by_several_and_kept_until_it_is_acknowledged() {
    let mut server = Server::start().await;
    let body = assignment("r1", "import time; print('a', flush=True); time.sleep(0.3); print('b')");
    assert_eq!(server.call(Method::PUT, "/v1/runs/r1", &body).await.0, StatusCode::CREATED);
    assert_eq!(server.call(Method::PUT, "/v1/runs/r1", &body).await.0, StatusCode::OK);
    assert_eq!(server.call(Method::POST, "/v1/runs/r1/ack", b"").await.0, StatusCode::CONFLICT, "it still runs");
    let (one, two) = tokio::join!(server.transcript(), server.transcript());
    assert_eq!(one, two);
    assert_eq!((one.stdout.as_slice(), one.result.map(|result| result.outcome)), (&b"a\nb\n"[..], Some(Outcome::Completed)));
    assert_eq!(server.transcript().await.stdout, b"a\nb\n", "a late reader sees it all");
    let (_, state) = server.call(Method::PUT, "/v1/runs/r1", &body).await;
    assert!(String::from_utf8_lossy(&state).contains("Completed"), "asking again tells the result");
    assert_eq!(server.call(Method::POST, "/v1/runs/r1/ack", b"").await.0, StatusCode::NO_CONTENT);
    assert!(server.process.wait().expect("the runner ends").success());
}

#[tokio::test]
async fn a_runner_takes_one_run_in_its_life() {
    let server = Server::start().await;
    let (status, pod) = server.send(Method::GET, "/v1/pod", None, b"").await;
    assert_eq!((status, &pod[..]), (StatusCode::OK, &br#"{"podUid":"p1"}"#[..]));
    assert_eq!(server.call(Method::GET, "/v1/runs/r1", b"").await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.call(Method::PUT, "/v1/runs/r1", &assignment("r1", "print(1)")).await.0, StatusCode::CREATED);
    let other = assignment("r2", "print(2)");
    let token = server.signer.sign(&Claims { run: "r2".into(), ..server.claims(Some(&other)) });
    assert_eq!(server.send(Method::PUT, "/v1/runs/r2", Some(&token), &other).await.0, StatusCode::CONFLICT);
    assert_eq!(server.transcript().await.stdout, b"1\n");
    let (_, pod) = server.send(Method::GET, "/v1/pod", None, b"").await;
    assert_eq!(&pod[..], br#"{"podUid":"p1","runUid":"r1"}"#);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_request_starts_nothing() {
    let server = Server::start().await;
    let body = assignment("r1", "print(1)");
    let right = server.claims(Some(&body));
    let wrong = [
        Claims { aud: "p2".into(), ..right.clone() },
        Claims { run: "r2".into(), ..right.clone() },
        Claims { scope: Scope::Read, ..right.clone() },
        Claims { exp: 1, ..right.clone() },
        Claims { body: None, ..right.clone() },
        server.claims(Some(b"another body")),
    ];
    let mut tokens: Vec<String> = wrong.iter().map(|claims| server.signer.sign(claims)).collect();
    tokens.push(TokenSigner::from_seed(&[8; 32]).sign(&right));
    tokens.push(String::new());
    for token in tokens {
        assert_eq!(server.send(Method::PUT, "/v1/runs/r1", Some(&token), &body).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(server.send(Method::PUT, "/v1/runs/r1", None, &body).await.0, StatusCode::UNAUTHORIZED);
    for (method, path) in [
        (Method::GET, "/v1/runs/r1"),
        (Method::GET, "/v1/runs/r1/events"),
        (Method::DELETE, "/v1/runs/r1"),
        (Method::POST, "/v1/runs/r1/ack"),
    ] {
        assert_eq!(server.send(method, path, Some("e30.e30"), b"").await.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(server.call(Method::GET, "/v1/runs/r1", b"").await.0, StatusCode::NOT_FOUND, "nothing was started");
}

#[tokio::test]
async fn what_is_not_an_assignment_of_the_run_is_malformed() {
    let server = Server::start().await;
    for body in [&b"{"[..], b"{}", &assignment("r2", "print(1)")] {
        assert_eq!(server.call(Method::PUT, "/v1/runs/r1", body).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_run_can_be_cancelled() {
    let server = Server::start().await;
    let body = assignment("r1", "import time; time.sleep(1000)");
    assert_eq!(server.call(Method::PUT, "/v1/runs/r1", &body).await.0, StatusCode::CREATED);
    assert_eq!(server.call(Method::DELETE, "/v1/runs/r1", b"").await.0, StatusCode::ACCEPTED);
    let result = server.transcript().await.result.expect("it ends");
    assert_eq!(result.outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn a_pod_that_is_told_to_end_takes_its_run_along() {
    let mut server = Server::start().await;
    let body = assignment("r1", "import time; time.sleep(1000)");
    assert_eq!(server.call(Method::PUT, "/v1/runs/r1", &body).await.0, StatusCode::CREATED);
    let pid = rustix::process::Pid::from_child(&server.process);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is alive");
    assert!(server.process.wait().expect("the runner ends").success());
}

#[test]
fn a_runner_without_its_settings_says_which_one_is_missing() {
    let output = Command::new(env!("CARGO_BIN_EXE_locus-runner")).arg("serve").output().expect("it starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("LOCUS_POD_UID is not set"));
}
