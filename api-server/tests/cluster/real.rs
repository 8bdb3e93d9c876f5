//! The real runner, as in a pod: what it tells and takes is what the front door expects.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use locus_api_server::backend::cluster::{Route, Settings};
use locus_api_server::backend::{Backend as _, BackendError, Input, Told};
use locus_core::token::{Claims, Scope, TokenSigner, body_digest};
use locus_core::{Event, Limits, RunRequest};
use locus_runner::toolchain::Toolchain;
use serde_json::{Value, json};

use super::api_server::{ApiServer, running};
use super::in_time;

const CODE: &str = r"
import sys
print('ready', flush=True)
for line in sys.stdin:
    print('>', line.strip(), flush=True)
print('no more', file=sys.stderr)
open('left.txt', 'w').write('it is here')
";

/// A runner in a process of its own, which is killed at the end.
struct Pod {
    child: Child,
    port: u16,
    _work: tempfile::TempDir,
}

impl Pod {
    /// The pod of the run `live`, which has both its name and its UID.
    fn start(operator: &TokenSigner, reader: &TokenSigner) -> Self {
        let work = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_locus-api-server"))
            .args([locus_runner::EMBEDDED_COMMAND, "serve"])
            .env("LOCUS_POD_UID", "uid-of-live")
            .env("LOCUS_PUBLIC_KEYS", operator.public_key())
            .env("LOCUS_READER_KEYS", reader.public_key())
            .env("LOCUS_LISTEN", "127.0.0.1:0")
            .env("LOCUS_WORK_DIR", work.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the runner starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let line: Value = serde_json::from_str(&log.next().expect("a line").expect("text")).expect("logs are JSON");
        let address: std::net::SocketAddr =
            line["listen.address"].as_str().expect("it tells its address").parse().expect("an address");
        std::thread::spawn(move || log.for_each(drop));
        Self { child, port: address.port(), _work: work }
    }

    /// Gives it the run, as the operator does.
    async fn take(&self, operator: &TokenSigner, request: RunRequest) {
        let language = locus_languages::find(locus_languages::all(), "python").expect("python is a language");
        let program = Toolchain::probe(language).expect("the tests need python3").program;
        let assignment = language
            .assignment("uid-of-live".into(), program, request, Limits::DEFAULT, Limits::MAXIMUM)
            .expect("it is valid");
        let body = serde_json::to_vec(&assignment).expect("it serializes");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
        let token = operator.sign(&Claims {
            aud: "uid-of-live".into(),
            run: "uid-of-live".into(),
            scope: Scope::Run,
            exp: now + 60,
            body: Some(body_digest(&body)),
        });
        let request = Request::put(format!("http://127.0.0.1:{}/v1/runs/uid-of-live", self.port))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Body::from(body))
            .expect("a request");
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.expect("it answers");
        assert_eq!(answer.status(), StatusCode::CREATED);
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_program_is_talked_to_while_it_runs() {
    let (operator, reader) = (TokenSigner::from_seed(&[1; 32]), TokenSigner::from_seed(&[2; 32]));
    let pod = Pod::start(&operator, &reader);
    let server = Arc::<ApiServer>::default();
    let settings = Settings { reader_keys: vec![reader], ..Settings::default() };
    let cluster = server.cluster_by(Route::Direct { port: pod.port }, settings);
    server.has_pod("live", "127.0.0.1");
    // The claim stands in the status before the runner has the run.
    server.create(running("live"));
    let mut told = cluster.watch(&None, "live").await.expect("there is such a run");
    assert!(matches!(in_time(told.next()).await, Some(Told::State(_))));
    let request = RunRequest {
        code: Some(CODE.into()),
        interactive: true,
        output_files: vec!["*.txt".into()],
        ..RunRequest::default()
    };
    let say = async |text: &str, at, end| {
        let input = Input { data: text.into(), at: Some(at), end };
        in_time(cluster.stdin(&None, "live", input)).await
    };
    let (taken, ()) = tokio::join!(say("one\n", 0, false), pod.take(&operator, request));
    assert_eq!(taken, Ok(4));

    let mut stdout = String::new();
    let mut rest = Vec::new();
    while let Some(event) = in_time(told.next()).await {
        match event {
            Told::Event(Event::Stdout { data }) => stdout += std::str::from_utf8(&data).expect("text"),
            Told::Event(event) => rest.push(event),
            Told::State(run) => panic!("it stays as it is: {run:?}"),
            Told::Ended(run) => {
                assert_eq!(run.stdout.as_deref(), Some("told by the status"));
                break;
            }
        }
        if stdout == "ready\n> one\n" && rest.len() == 1 {
            // The same again, and then what follows.
            assert_eq!(say("one\ntwo\n", 0, false).await, Ok(8));
            assert_eq!(say("four\n", 13, false).await, Err(BackendError::InputMissing { taken: 8 }));
            assert_eq!(say("", 8, true).await, Ok(8));
            stdout.push('|');
        }
        if matches!(rest.last(), Some(Event::File { .. })) {
            assert!(matches!(say("late", 8, false).await, Err(BackendError::NoInput(_))));
            server.writes("live", &json!({"outcome": "Completed", "stdout": "told by the status"}));
        }
    }
    assert_eq!(stdout.replace('|', ""), "ready\n> one\n> two\n");
    let expected = [
        Event::Started,
        Event::Stderr { data: b"no more\n".to_vec() },
        Event::File { name: "left.txt".into(), data: b"it is here".to_vec() },
    ];
    assert_eq!(rest, expected);
}
