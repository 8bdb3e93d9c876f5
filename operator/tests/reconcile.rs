//! Reconciling against an API server and a runner that are both in this process: the first one a tower service
//! that keeps a CodeRun, the second one an HTTP server that checks real tokens.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::client::Body;
use kube::runtime::events::Reporter;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher;
use locus_api::{Catalogue, CodeRun, labels};
use locus_core::token::{Demand, Scope, TokenSigner, TokenVerifier};
use locus_core::{Event, Outcome, RunResult};
use locus_operator::config::Config;
use locus_operator::configured;
use locus_operator::keys::Keys;
use locus_operator::links::Link;
use locus_operator::reconcile::{Operator, ReconcileError};
use locus_operator::runner_client::{Dialler, Route};
use serde_json::{Value, json};

/// What the API server in this process was asked, and what it holds.
#[derive(Default)]
struct Cluster {
    requests: Mutex<Vec<(String, Value)>>,
    run: Mutex<Value>,
    /// The answer to the creation of a pod, in place of success.
    pod_answer: Mutex<Option<(u16, &'static str)>>,
    /// Whether writes to the status conflict.
    conflict: Mutex<bool>,
    /// The most bytes of a status.
    status_limit: Mutex<Option<usize>>,
    /// The languages that are listed.
    languages: Mutex<Vec<Value>>,
}

impl Cluster {
    fn answer(&self, request: &str, body: &Value) -> (u16, Value) {
        let refused = |code: u16, reason: &str, message: &str| {
            (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
        };
        if request.starts_with("POST") && request.contains("/pods") {
            match *self.pod_answer.lock().expect("not poisoned") {
                Some((code, message)) => refused(code, "Forbidden", message),
                None => (201, body.clone()),
            }
        } else if request.starts_with("PATCH") && request.contains("/status") {
            let mut run = self.run.lock().expect("not poisoned");
            if *self.conflict.lock().expect("not poisoned")
                || body["metadata"]["resourceVersion"] != run["metadata"]["resourceVersion"]
            {
                return refused(409, "Conflict", "the object has been modified");
            }
            if self.status_limit.lock().expect("not poisoned").is_some_and(|limit| body.to_string().len() > limit) {
                return refused(413, "RequestEntityTooLarge", "request is too large");
            }
            let version: u64 = run["metadata"]["resourceVersion"].as_str().expect("text").parse().expect("a number");
            let status = body["status"].as_object().expect("an object").clone();
            if !run["status"].is_object() {
                run["status"] = json!({});
            }
            run["status"].as_object_mut().expect("an object").extend(status);
            run["metadata"]["resourceVersion"] = json!((version + 1).to_string());
            (200, run.clone())
        } else if request.ends_with("/languages") {
            let items = self.languages.lock().expect("not poisoned").clone();
            let list =
                json!({"apiVersion": "locus.dev/v1alpha1", "kind": "LanguageList", "metadata": {}, "items": items});
            (200, list)
        } else if request.starts_with("GET") {
            refused(404, "NotFound", "not found")
        } else if request.starts_with("DELETE") {
            (200, json!({"kind": "Status", "status": "Success"}))
        } else {
            (201, body.clone())
        }
    }

    fn requests(&self, part: &str) -> Vec<Value> {
        let requests = self.requests.lock().expect("not poisoned");
        requests.iter().filter(|(request, _)| request.contains(part)).map(|(_, body)| body.clone()).collect()
    }

    fn client(self: &Arc<Self>) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let cluster = cluster.clone();
            async move {
                let line = format!("{} {}", request.method(), request.uri().path());
                let body = request.into_body().collect().await?.to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let (code, answer) = cluster.answer(&line, &body);
                cluster.requests.lock().expect("not poisoned").push((line, body));
                let response = http::Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, tower::BoxError>(response?)
            }
        });
        Client::new(service, "default")
    }
}

/// A runner that answers at once with the same output, and counts how often a run was started.
struct Runner {
    verifier: TokenVerifier,
    starts: AtomicUsize,
    acknowledged: AtomicUsize,
    retired: AtomicBool,
    other_run: bool,
    output: Vec<u8>,
}

impl Runner {
    fn allows(&self, headers: &HeaderMap, run: &str, body: Option<&[u8]>) -> bool {
        let token = headers["authorization"].to_str().expect("text").strip_prefix("Bearer ").expect("a bearer token");
        let demand = Demand { pod: "p1", run, scopes: &[Scope::Run], body, now: 1 };
        self.verifier.verify(token, demand).is_ok()
    }

    async fn serve(self) -> (Arc<Self>, SocketAddr) {
        let runner = Arc::new(self);
        let start = |State(runner): State<Arc<Self>>,
                     Path(run): Path<String>,
                     headers: HeaderMap,
                     body: bytes::Bytes| async move {
            if !runner.allows(&headers, &run, Some(&body)) {
                return (StatusCode::UNAUTHORIZED, Json(json!({})));
            }
            if runner.other_run {
                return (StatusCode::CONFLICT, Json(json!({})));
            }
            runner.starts.fetch_add(1, Ordering::SeqCst);
            (StatusCode::CREATED, Json(json!({"uid": run})))
        };
        let events = |State(runner): State<Arc<Self>>, Path(run): Path<String>, headers: HeaderMap| async move {
            assert!(runner.allows(&headers, &run, None));
            let result = RunResult { exit_code: Some(0), ..RunResult::failed(Outcome::Completed, "") };
            [Event::Started, Event::Stdout { data: runner.output.clone() }, Event::Finished { result }]
                .map(|event| serde_json::to_string(&event).expect("it serializes") + "\n")
                .concat()
        };
        let state = |State(runner): State<Arc<Self>>, Path(run): Path<String>, headers: HeaderMap| async move {
            assert!(runner.allows(&headers, &run, None));
            let has_it = runner.starts.load(Ordering::SeqCst) > 0 && !runner.other_run;
            (if has_it { StatusCode::OK } else { StatusCode::NOT_FOUND }, Json(json!({"uid": run})))
        };
        let retire = |State(runner): State<Arc<Self>>, headers: HeaderMap| async move {
            assert!(runner.allows(&headers, "", None));
            if runner.starts.load(Ordering::SeqCst) > 0 || runner.other_run {
                return StatusCode::CONFLICT;
            }
            runner.retired.store(true, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        };
        let acknowledge = |State(runner): State<Arc<Self>>| async move {
            runner.acknowledged.fetch_add(1, Ordering::SeqCst);
            StatusCode::NO_CONTENT
        };
        let router = Router::new()
            .route("/v1/pod", get(|| async { Json(json!({"podUid": "p1"})) }).delete(retire))
            .route("/v1/runs/{uid}", get(state).put(start))
            .route("/v1/runs/{uid}/events", get(events))
            .route("/v1/runs/{uid}/ack", post(acknowledge))
            .with_state(runner.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (runner, address)
    }
}

struct World {
    cluster: Arc<Cluster>,
    runner: Arc<Runner>,
    operator: Operator,
    pods: Writer<Pod>,
    public_key: String,
}

impl World {
    async fn new(change: impl FnOnce(&mut Runner)) -> Self {
        let signer = TokenSigner::from_seed(&[7; 32]);
        let public_key = signer.public_key();
        let mut runner = Runner {
            verifier: TokenVerifier::parse(&public_key).expect("a key"),
            starts: AtomicUsize::new(0),
            acknowledged: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            other_run: false,
            output: b"hello\n".to_vec(),
        };
        change(&mut runner);
        let (runner, address) = runner.serve().await;
        let cluster = Arc::new(Cluster::default());
        let client = cluster.client();
        let keys = Arc::new(Keys::new(vec![signer]));
        let dialler = Dialler { route: Route::Direct { port: address.port() }, keys };
        let clock = Arc::new(k8s_openapi::jiff::Timestamp::now);
        let languages = configured::languages(&Config::default());
        *cluster.languages.lock().expect("not poisoned") = languages.iter().map(|language| json!(language)).collect();
        let (operator, inputs) = Operator::new(client, Config::default(), dialler, Reporter::from("test"), clock);
        operator.set_catalogue(Catalogue::of(&languages));
        let mut pods = inputs.pods;
        pods.apply_watcher_event(&watcher::Event::Init);
        pods.apply_watcher_event(&watcher::Event::InitDone);
        operator.desk.open::<Arc<CodeRun>>(&[]);
        Self { cluster, runner, operator, pods, public_key }
    }

    /// Creates the CodeRun, as old as given.
    fn create(&self, spec: &Value, status: &Value, seconds_ago: i64) {
        let created = k8s_openapi::jiff::Timestamp::now() - k8s_openapi::jiff::SignedDuration::from_secs(seconds_ago);
        *self.cluster.run.lock().expect("not poisoned") = json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
            "metadata": {"name": "hello", "namespace": "team", "uid": "u1", "resourceVersion": "1",
                "creationTimestamp": created.to_string()},
            "spec": spec, "status": status
        });
    }

    fn pod_runs(&mut self, name: &str) {
        let pod = json!({
            "metadata": {"name": name, "namespace": "locus-runs", "uid": "p1",
                "annotations": {"locus.dev/public-key": self.public_key}},
            "status": {"phase": "Running", "podIP": "127.0.0.1"}
        });
        self.pods.apply_watcher_event(&watcher::Event::Apply(serde_json::from_value(pod).expect("a pod")));
    }

    async fn reconcile(&self) -> Result<(), ReconcileError> {
        let run: CodeRun = serde_json::from_value(self.run()).expect("a CodeRun");
        self.operator.reconcile(Arc::new(run)).await.map(drop)
    }

    async fn link(&self, is_there: impl Fn(&Link) -> bool) {
        let wait = async {
            while !is_there(&self.operator.links.state("u1", "p1")) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the link gets there");
    }

    /// The pod is there and is dialled, and the run has a turn.
    async fn meet(&mut self) {
        self.pod_runs("run-u1");
        self.reconcile().await.expect("it dials");
        self.link(|link| *link == Link::Connected).await;
        self.reconcile().await.expect("it has its turn");
    }

    async fn run_to_the_end(&mut self) {
        self.meet().await;
        // Where the machine is slow the result comes after the turn in which it was waited for.
        if self.run()["status"]["outcome"].is_null() {
            self.link(|link| matches!(link, Link::Finished(_))).await;
            self.reconcile().await.expect("it writes the result and cleans up");
        }
    }

    fn run(&self) -> Value {
        self.cluster.run.lock().expect("not poisoned").clone()
    }
}

fn python() -> Value {
    json!({"language": "python", "code": "print('hello')"})
}

#[tokio::test]
async fn a_run_costs_one_pod_and_two_status_writes() {
    let mut world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Pending"}), 0);
    world.reconcile().await.expect("it creates the pod");
    let pods = world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods");
    assert_eq!(pods.len(), 1);
    assert!(!pods[0].to_string().contains("print("), "code never stands in a pod");
    world.run_to_the_end().await;
    let run = world.run();
    assert_eq!((&run["status"]["outcome"], &run["status"]["stdout"]), (&json!("Completed"), &json!("hello\n")));
    assert_eq!(world.cluster.requests("PATCH").len(), 2);
    assert_eq!(world.cluster.requests("DELETE /api/v1/namespaces/locus-runs/pods/run-u1").len(), 1);
    assert_eq!(world.cluster.requests("events").len(), 0);
    assert_eq!(world.runner.starts.load(Ordering::SeqCst), 1);
    assert_eq!(world.runner.acknowledged.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_pod_with_more_than_the_status_holds_is_kept_and_counts_until_it_is_removed() {
    let mut world = World::new(|runner| runner.output = vec![b'x'; 1 << 20]).await;
    world.create(&python(), &json!({"phase": "Pending"}), 0);
    world.run_to_the_end().await;
    let mut run = world.run();
    assert_eq!(
        (&run["status"]["outcome"], &run["status"]["stdoutInStatusTruncated"]),
        (&json!("Completed"), &json!(true))
    );
    assert!(run["status"]["podKeptUntil"].is_string());
    let removed = |world: &World| world.cluster.requests("DELETE /api/v1/namespaces/locus-runs/pods/run-u1").len();
    assert_eq!((removed(&world), world.runner.acknowledged.load(Ordering::SeqCst)), (0, 0));
    assert_eq!(world.operator.desk.runs(), ["u1"]);

    // A minute later.
    let ago = k8s_openapi::jiff::Timestamp::now() - k8s_openapi::jiff::SignedDuration::from_secs(1);
    run["status"]["podKeptUntil"] = json!(ago.to_string());
    run["metadata"]["resourceVersion"] = json!("9");
    *world.cluster.run.lock().expect("not poisoned") = run;
    world.reconcile().await.expect("it cleans up");
    assert_eq!((removed(&world), world.runner.acknowledged.load(Ordering::SeqCst)), (1, 1));
    assert!(world.operator.desk.runs().is_empty());
}

#[tokio::test]
async fn a_pod_bears_the_labels_that_the_network_policies_select() {
    let world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Pending"}), 0);
    world.reconcile().await.expect("it creates the pod");
    let pods = world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods");
    for (label, value) in [(labels::MANAGED_BY, labels::OPERATOR), (labels::COMPONENT, labels::RUNNER)] {
        assert_eq!(pods[0]["metadata"]["labels"][label], value, "{label}");
    }
}

#[tokio::test]
async fn a_run_whose_claim_is_refused_is_not_started() {
    let mut world = World::new(|_| {}).await;
    world.create(&python(), &json!({}), 0);
    world.pod_runs("run-u1");
    world.reconcile().await.expect("it dials");
    world.link(|link| *link == Link::Connected).await;
    *world.cluster.conflict.lock().expect("not poisoned") = true;
    let error = world.reconcile().await.expect_err("the claim conflicts");
    assert!(error.is_conflict(), "{error}");
    assert_eq!(world.operator.links.state("u1", "p1"), Link::Connected);
    assert_eq!(world.runner.starts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_operator_that_comes_back_takes_up_a_claimed_run() {
    let mut world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Running", "podName": "run-u1", "podUID": "p1"}), 100);
    world.run_to_the_end().await;
    assert_eq!(world.run()["status"]["stdout"], "hello\n");
    assert_eq!(world.cluster.requests("PATCH").len(), 1, "the claim stands already");
    assert_eq!(world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods").len(), 0);
}

#[tokio::test]
async fn a_claimed_pod_that_is_gone_ends_the_run_as_node_lost() {
    let world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Running", "podName": "run-u1", "podUID": "p1"}), 100);
    world.reconcile().await.expect("it ends the run");
    assert_eq!(world.run()["status"]["outcome"], "NodeLost");
    assert!(
        !world.cluster.requests("GET /api/v1/namespaces/locus-runs/pods/run-u1").is_empty(),
        "it asked for the pod"
    );
    assert_eq!(world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods").len(), 0);
}

#[tokio::test]
async fn a_runner_with_another_run_never_started_ours_which_gets_another_pod() {
    let mut world = World::new(|runner| runner.other_run = true).await;
    world.create(&python(), &json!({"phase": "Running", "podName": "python-1", "podUID": "p1"}), 0);
    world.pod_runs("python-1");
    world.reconcile().await.expect("it dials");
    world.link(|link| *link == Link::Connected).await;
    world.reconcile().await.expect("it starts, and takes the claim back");
    let run = world.run();
    assert!(run["status"].get("outcome").is_none(), "{run}");
    assert!(run["status"]["podUID"].is_null() && run["status"]["podName"].is_null(), "{run}");
    assert_eq!(world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods").len(), 1);
    assert_eq!(world.runner.starts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_pod_that_the_cluster_refuses_ends_the_run_with_its_words() {
    let world = World::new(|_| {}).await;
    world.create(&python(), &json!({}), 0);
    *world.cluster.pod_answer.lock().expect("not poisoned") = Some((403, "denied by policy no-pods"));
    world.reconcile().await.expect("it ends the run");
    let run = world.run();
    assert_eq!(run["status"]["outcome"], "PodRejected");
    assert!(run["status"]["error"].as_str().expect("text").contains("denied by policy no-pods"));
    let events = world.cluster.requests("events");
    assert_eq!((events.len(), &events[0]["reason"], &events[0]["type"]), (1, &json!("PodRejected"), &json!("Warning")));
}

#[tokio::test]
async fn a_full_quota_is_waited_for_and_told_once() {
    let world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Pending"}), 5);
    *world.cluster.pod_answer.lock().expect("not poisoned") = Some((403, "exceeded quota: runs"));
    for _ in 0..3 {
        world.reconcile().await.expect("it waits");
    }
    assert_eq!(world.cluster.requests("PATCH").len(), 1);
    assert_eq!(world.run()["status"]["conditions"][0]["reason"], "Queued");
    *world.cluster.pod_answer.lock().expect("not poisoned") = None;
    world.reconcile().await.expect("there is room");
    assert!(world.run()["status"].get("outcome").is_none());
}

#[tokio::test]
async fn an_unknown_language_ends_the_run_without_a_pod() {
    let world = World::new(|_| {}).await;
    world.create(&json!({"language": "klingon", "code": "x"}), &json!({}), 0);
    world.reconcile().await.expect("it ends the run");
    assert_eq!(world.run()["status"]["outcome"], "UnknownLanguage");
    assert_eq!(world.cluster.requests("POST /api/v1/namespaces/locus-runs/pods").len(), 0);
}

#[tokio::test]
async fn nothing_is_decided_before_languages_have_been_listed() {
    let cluster = Arc::new(Cluster::default());
    let keys = Arc::new(Keys::new(vec![TokenSigner::from_seed(&[7; 32])]));
    let dialler = Dialler { route: Route::Direct { port: 1 }, keys };
    let clock = Arc::new(k8s_openapi::jiff::Timestamp::now);
    let (operator, _inputs) =
        Operator::new(cluster.client(), Config::default(), dialler, Reporter::from("test"), clock);
    let run = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun", "spec": {"language": "klingon", "code": ""},
        "metadata": {"name": "hello", "namespace": "team", "uid": "u1"}});
    operator.reconcile(Arc::new(serde_json::from_value(run).expect("a CodeRun"))).await.expect("it waits");
    assert_eq!(cluster.requests("").len(), 0);
}

#[tokio::test]
async fn a_language_that_was_applied_a_moment_ago_is_known_although_the_watch_lags_behind() {
    let world = World::new(|_| {}).await;
    world.operator.set_catalogue(Catalogue::default());
    world.create(&python(), &json!({"phase": "Pending"}), 0);
    world.reconcile().await.expect("it asks for a pod");
    assert!(world.run()["status"].get("outcome").is_none(), "{}", world.run());
    assert!(!world.cluster.requests("GET /apis/locus.dev/v1alpha1/languages").is_empty());
}

impl World {
    /// The languages are gone.
    fn without_languages(&self) {
        self.operator.set_catalogue(Catalogue::default());
        self.cluster.languages.lock().expect("not poisoned").clear();
    }
}

#[tokio::test]
async fn a_run_that_goes_on_gets_its_result_although_its_language_is_gone() {
    let mut world = World::new(|runner| runner.starts = AtomicUsize::new(1)).await;
    world.create(&python(), &json!({"phase": "Running", "podName": "run-u1", "podUID": "p1"}), 100);
    world.without_languages();
    world.meet().await;
    world.link(|link| matches!(link, Link::Finished(_))).await;
    world.reconcile().await.expect("it writes the result");
    assert_eq!(world.run()["status"]["stdout"], "hello\n");
    assert!(!world.runner.retired.load(Ordering::SeqCst));
    assert_eq!(world.runner.starts.load(Ordering::SeqCst), 1, "it was not started again");
}

#[tokio::test]
async fn a_run_that_was_claimed_and_never_sent_ends_when_its_runner_has_promised_not_to_take_it() {
    let mut world = World::new(|_| {}).await;
    world.create(&python(), &json!({"phase": "Running", "podName": "run-u1", "podUID": "p1"}), 100);
    world.without_languages();
    world.meet().await;
    world.link(|link| *link == Link::Refused).await;
    assert!(world.runner.retired.load(Ordering::SeqCst), "it takes no run any more");
    assert!(world.run()["status"].get("outcome").is_none());
    world.reconcile().await.expect("it takes the claim back, and ends the run");
    assert_eq!(world.run()["status"]["outcome"], "UnknownLanguage");
    assert_eq!(world.runner.starts.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_status_that_is_refused_for_its_size_is_halved() {
    let mut world = World::new(|runner| runner.output = vec![b'x'; 700_000]).await;
    world.create(&python(), &json!({}), 0);
    *world.cluster.status_limit.lock().expect("not poisoned") = Some(500_000);
    world.run_to_the_end().await;
    let run = world.run();
    assert_eq!(
        (&run["status"]["outcome"], &run["status"]["stdoutInStatusTruncated"]),
        (&json!("Completed"), &json!(true))
    );
}

#[tokio::test]
async fn a_finished_run_is_deleted_when_its_time_is_over() {
    let world = World::new(|_| {}).await;
    let status = json!({"outcome": "Completed", "completionTime": "2026-01-01T00:00:00Z"});
    world.create(&python(), &status, 0);
    world.reconcile().await.expect("it deletes the run");
    let deletions = world.cluster.requests("DELETE /apis/locus.dev/v1alpha1/namespaces/team/coderuns/hello");
    assert_eq!(deletions.len(), 1);
    assert_eq!(deletions[0]["preconditions"]["uid"], "u1");
}
