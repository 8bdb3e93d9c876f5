//! The cluster backend, in front of an API server in this process that keeps what it is asked.
#![cfg(any())]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body as Answer;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use locus_api_server::backend::cluster::Cluster;
use locus_api_server::backend::{Backend as _, BackendError};
use locus_api_server::gate::Gate;
use locus_core::{Outcome, RunRequest};
use serde_json::{Value, json};

/// Answers creations with what is set, and tells of the created on the watch when asked to.
#[derive(Default)]
struct ApiServer {
    requests: Mutex<Vec<(String, Value)>>,
    refusal: Mutex<Option<(u16, &'static str)>>,
    /// The status that a `CodeRun` has at once, told before its creation is answered.
    status: Mutex<Option<Value>>,
    watches: Mutex<Vec<(String, mpsc::UnboundedSender<Bytes>)>>,
}

impl ApiServer {
    fn cluster(self: &Arc<Self>) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let body = request.into_body().collect().await?.to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let (code, answer) = server.answer(&line, &body);
                server.requests.lock().expect("not poisoned").push((line, body));
                Ok::<_, tower::BoxError>(Response::builder().status(code).body(answer)?)
            }
        });
        Cluster::new(Client::new(service, "default"), "runs", Gate::new(4, 4))
    }

    fn answer(&self, line: &str, body: &Value) -> (u16, Answer) {
        let whole = |value: Value| Answer::from(value.to_string());
        if line.contains("watch=true") {
            let (sender, lines) = mpsc::unbounded();
            self.watches.lock().expect("not poisoned").push((line.to_owned(), sender));
            (200, Answer::from_stream(lines.map(Ok::<_, std::convert::Infallible>)))
        } else if line.starts_with("GET") {
            let items = if line.contains("/languages") { json!([language("python", "main.py")]) } else { json!([]) };
            let list = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "List", "items": items,
                "metadata": {"resourceVersion": "1"}});
            (200, whole(list))
        } else if line.starts_with("PATCH") {
            (404, whole(status(404, "not found")))
        } else if let Some((code, message)) = *self.refusal.lock().expect("not poisoned") {
            (code, whole(status(code, message)))
        } else {
            if let Some(status) = &*self.status.lock().expect("not poisoned") {
                let mut run = body.clone();
                run["status"] = status.clone();
                run["metadata"]["resourceVersion"] = json!("2");
                self.tell(&json!({"type": "MODIFIED", "object": run}));
            }
            (201, whole(body.clone()))
        }
    }

    fn tell(&self, event: &Value) {
        self.tell_watches("/coderuns", event);
    }

    fn tell_of_languages(&self, event: &Value) {
        self.tell_watches("/languages", event);
    }

    fn tell_watches(&self, path: &str, event: &Value) {
        for (_, watch) in self.watches.lock().expect("not poisoned").iter().filter(|(line, _)| line.contains(path)) {
            let _ = watch.unbounded_send(Bytes::from(format!("{event}\n")));
        }
    }

    fn asked(&self, method: &str) -> Vec<(String, Value)> {
        let requests = self.requests.lock().expect("not poisoned");
        requests.iter().filter(|(line, _)| line.starts_with(method)).cloned().collect()
    }
}

fn language(id: &str, file_name: &str) -> Value {
    json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Language",
        "metadata": {"name": id, "uid": id, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"name": id, "version": "1", "fileName": file_name, "image": id, "run": [id]}})
}

fn status(code: u16, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message})
}

fn request() -> RunRequest {
    RunRequest { language: "python".into(), code: Some("print(1)".into()), ..RunRequest::default() }
}

async fn ready(server: &Arc<ApiServer>) -> Cluster {
    let cluster = server.cluster();
    assert!(cluster.ready().is_err(), "nothing has been listed yet");
    eventually(|| cluster.ready().is_ok() && server.watches.lock().expect("not poisoned").len() == 2).await;
    cluster
}

async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time");
}

#[tokio::test]
async fn a_run_that_ends_before_its_creation_is_answered_is_not_missed() {
    let server = Arc::<ApiServer>::default();
    let ended = json!({"outcome": "NonZeroExit", "stdout": "1\n", "stderrBase64": "/w==", "error": "it failed"});
    *server.status.lock().expect("not poisoned") = Some(ended);
    let cluster = ready(&server).await;
    let execution = tokio::time::timeout(Duration::from_secs(5), cluster.execute(request())).await;
    let execution = execution.expect("in time").expect("it ran");
    assert_eq!((execution.outcome, execution.error.as_str()), (Outcome::NonZeroExit, "it failed"));
    assert_eq!((&execution.stdout[..], &execution.stderr[..]), (&b"1\n"[..], &b"\xff"[..]));

    let (line, body) = server.asked("POST").pop().expect("it was created");
    assert!(line.contains("/apis/locus.dev/v1alpha1/namespaces/runs/coderuns"), "{line}");
    assert_eq!(body["metadata"]["labels"], json!({"locus.dev/front-door": "true"}));
    assert_eq!(body["spec"], json!({"language": "python", "code": "print(1)", "ttlSecondsAfterFinished": 60}));
    assert_eq!(server.asked("GET").len(), 4, "one list and one watch of CodeRuns and of Languages for all");
    assert_eq!(server.asked("PATCH").len(), 0, "a run that has ended is not cancelled");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_run() {
    let server = Arc::<ApiServer>::default();
    let cluster = ready(&server).await;
    assert!(tokio::time::timeout(Duration::from_millis(100), cluster.execute(request())).await.is_err());
    eventually(|| !server.asked("PATCH").is_empty()).await;
    let (line, body) = server.asked("PATCH").remove(0);
    let name = server.asked("POST").remove(0).1["metadata"]["name"].as_str().expect("a name").to_owned();
    assert!(line.contains(&name), "{line}");
    assert_eq!(body, json!({"spec": {"cancelRequested": true}}));
}

#[tokio::test]
async fn a_run_that_is_deleted_under_its_client_is_told() {
    let server = Arc::<ApiServer>::default();
    let cluster = ready(&server).await;
    let delete = async {
        eventually(|| !server.asked("POST").is_empty()).await;
        let mut run = server.asked("POST").remove(0).1;
        run["metadata"]["resourceVersion"] = json!("3");
        server.tell(&json!({"type": "DELETED", "object": run}));
    };
    let (answer, ()) = tokio::join!(cluster.execute(request()), delete);
    assert!(matches!(answer, Err(BackendError::Unavailable(text)) if text.contains("deleted")));
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_and_not_cancelled() {
    let server = Arc::<ApiServer>::default();
    let cluster = ready(&server).await;
    for (code, invalid) in [(422, true), (400, true), (403, false), (500, false)] {
        *server.refusal.lock().expect("not poisoned") = Some((code, "because"));
        let error = cluster.execute(request()).await.expect_err("it is refused");
        assert_eq!(matches!(error, BackendError::InvalidRequest(_)), invalid, "{code}: {error}");
        assert_eq!(matches!(error, BackendError::Unavailable(_)), !invalid, "{code}: {error}");
        assert!(error.to_string().ends_with("because"), "{error}");
    }
    assert_eq!(server.asked("PATCH").len(), 0);
}

#[tokio::test]
async fn what_is_wrong_at_first_sight_never_reaches_the_cluster() {
    let server = Arc::<ApiServer>::default();
    let cluster = ready(&server).await;
    let unknown = RunRequest { language: "klingon".into(), ..request() };
    let empty = RunRequest { code: None, ..request() };
    assert!(matches!(cluster.execute(unknown).now_or_never(), Some(Err(BackendError::UnknownLanguage(_)))));
    assert!(matches!(cluster.execute(empty).now_or_never(), Some(Err(BackendError::InvalidRequest(_)))));
    assert_eq!(server.asked("POST").len(), 0);
}

#[tokio::test]
async fn languages_are_those_of_the_cluster_as_they_come_and_go() {
    let server = Arc::<ApiServer>::default();
    let cluster = server.cluster();
    assert!(cluster.languages().is_empty());
    let early = cluster.execute(request()).await;
    assert!(matches!(early, Err(BackendError::Unavailable(text)) if text.contains("Languages")), "none is unknown yet");
    eventually(|| cluster.ready().is_ok() && server.watches.lock().expect("not poisoned").len() == 2).await;
    let ids = || cluster.languages().into_iter().map(|language| language.id).collect::<Vec<_>>();
    assert_eq!(ids(), ["python"]);
    server.tell_of_languages(&json!({"type": "ADDED", "object": language("klingon", "main.tlh")}));
    eventually(|| ids() == ["klingon", "python"]).await;
    server.tell_of_languages(&json!({"type": "DELETED", "object": language("python", "main.py")}));
    eventually(|| ids() == ["klingon"]).await;
    let gone = cluster.execute(request()).await.expect_err("it is gone");
    assert_eq!(gone, BackendError::UnknownLanguage("language \"python\" is not known; choose one of: klingon".into()));
}
