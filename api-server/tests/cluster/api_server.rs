//! An API server in this process: it keeps objects, tells of them on watches, and breaks as it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body as Answer;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc;
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use locus_api_server::backend::Backend as _;
use locus_api_server::backend::cluster::{Cluster, Route, Settings};
use serde_json::{Value, json};

use super::{eventually, portforward};

/// What happens to a creation.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// It is refused.
    Refused(u16, &'static str),
    /// It is lost on its way.
    LostBefore,
    /// It takes place, and the answer is lost.
    LostAfter,
    /// It takes place, and is never answered.
    Silent,
}

#[derive(Default)]
pub struct ApiServer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    version: u64,
    runs: BTreeMap<String, Value>,
    pods: BTreeMap<String, Value>,
    requests: Vec<(String, Value)>,
    faults: VecDeque<Fault>,
    /// The status that a `CodeRun` has at once, told before its creation is answered.
    status: Option<Value>,
    /// Why no pod may be looked at.
    hides_pods: Option<&'static str>,
    /// Where ports are forwarded.
    forwards: Option<SocketAddr>,
    watches: Vec<(String, mpsc::UnboundedSender<Bytes>)>,
}

type Reply = Option<(u16, Answer)>;

impl ApiServer {
    /// A front door's backend that has listed everything.
    pub async fn ready(self: &Arc<Self>, settings: Settings) -> Cluster {
        let before = self.lock().watches.len();
        let cluster = self.cluster(settings);
        assert!(cluster.ready().is_err(), "nothing has been listed yet");
        eventually(|| cluster.ready().is_ok() && self.lock().watches.len() == before + 2).await;
        cluster
    }

    pub fn cluster(self: &Arc<Self>, settings: Settings) -> Cluster {
        self.cluster_by(Route::Direct { port: 1 }, settings)
    }

    pub fn cluster_by(self: &Arc<Self>, route: Route, settings: Settings) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let line = format!("{} {}", request.method(), request.uri());
                let forwards = server.lock().forwards;
                if let Some(address) = forwards.filter(|_| line.contains("/portforward?")) {
                    server.lock().requests.push((line, Value::Null));
                    return portforward::pass(address, request).await;
                }
                let body = request.into_body().collect().await?.to_bytes();
                let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                let reply = server.lock().answer(&line, &body);
                server.lock().requests.push((line, body));
                match reply {
                    Some((0, _)) => std::future::pending().await,
                    Some((code, answer)) => Ok::<_, tower::BoxError>(Response::builder().status(code).body(answer)?),
                    None => Err("the connection broke".into()),
                }
            }
        });
        let settings = Settings { namespace: Some("runs".into()), ..settings };
        Cluster::new(Client::new(service, "default"), route, settings)
    }

    pub fn fails(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults = faults.into_iter().collect();
    }

    /// The status that every new `CodeRun` has at once.
    pub fn ends_at_once(&self, status: Value) {
        self.lock().status = Some(status);
    }

    pub fn create(&self, run: Value) {
        self.lock().create(run);
    }

    pub fn run(&self, name: &str) -> Option<Value> {
        self.lock().runs.get(name).cloned()
    }

    pub fn runs(&self) -> usize {
        self.lock().runs.len()
    }

    /// Writes to a run's status, as the operator does.
    pub fn writes(&self, name: &str, status: &Value) {
        let mut state = self.lock();
        let mut run = state.runs[name].clone();
        merge(&mut run, &json!({ "status": status }));
        state.store(name, run);
    }

    pub fn deletes(&self, name: &str) {
        let mut state = self.lock();
        let run = state.runs.remove(name).expect("it is there");
        state.tell("/coderuns", &json!({"type": "DELETED", "object": run}));
    }

    /// A pod with a runner.
    pub fn has_pod(&self, name: &str, ip: &str) {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": format!("uid-of-{name}")},
            "status": {"phase": "Running", "podIP": ip}});
        self.lock().pods.insert(name.to_owned(), pod);
    }

    /// The public keys that the runner of a pod knows readers by.
    pub fn pod_knows(&self, name: &str, keys: &str) {
        let mut state = self.lock();
        let pod = state.pods.get_mut(name).expect("it is there");
        pod["metadata"]["annotations"] = json!({ "locus.dev/reader-keys": keys });
    }

    /// Refuses to show pods.
    pub fn hides_pods(&self, why: &'static str) {
        self.lock().hides_pods = Some(why);
    }

    /// Forwards the ports of pods to an address.
    pub fn forwards(&self, address: SocketAddr) {
        self.lock().forwards = Some(address);
    }

    /// Whether somebody watches runs and languages.
    pub fn is_watched(&self) -> bool {
        self.lock().watches.len() == 2
    }

    pub fn tell_of_languages(&self, event: &Value) {
        self.lock().tell("/languages", event);
    }

    /// What was asked for by a method.
    pub fn asked(&self, method: &str) -> Vec<(String, Value)> {
        self.lock().requests.iter().filter(|(line, _)| line.starts_with(method)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

impl State {
    fn answer(&mut self, line: &str, body: &Value) -> Reply {
        let (method, uri) = line.split_once(' ').expect("a method and a URI");
        let path = uri.split('?').next().expect("a path");
        let name = path.rsplit('/').next().expect("a name");
        if line.contains("watch=true") {
            let (sender, lines) = mpsc::unbounded();
            self.watches.push((line.to_owned(), sender));
            return Some((200, Answer::from_stream(lines.map(Ok::<_, std::convert::Infallible>))));
        }
        if method == "POST" {
            return self.creation(body);
        }
        Some(match (method, name) {
            ("GET", "languages") => whole(200, &list(&[language("python", "main.py")], self.version)),
            ("GET", "coderuns") => {
                let is_asked_for = |run: &&Value| !uri.contains("labelSelector") || is_own(run);
                let runs: Vec<_> = self.runs.values().filter(is_asked_for).cloned().collect();
                whole(200, &list(&runs, self.version))
            }
            ("GET", _) if path.contains("/pods/") && self.hides_pods.is_some() => {
                whole(403, &status(403, "Forbidden", self.hides_pods.unwrap_or_default()))
            }
            ("GET", name) => {
                let objects = if path.contains("/pods/") { &self.pods } else { &self.runs };
                objects.get(name).map_or_else(missing, |object| whole(200, object))
            }
            ("PATCH", name) => self.patch(name, body),
            _ => missing(),
        })
    }

    fn creation(&mut self, body: &Value) -> Reply {
        let fault = self.faults.pop_front();
        match fault {
            Some(Fault::Refused(code, message)) => return Some(whole(code, &status(code, "", message))),
            Some(Fault::LostBefore) => return None,
            _ => {}
        }
        let name = body["metadata"]["name"].as_str().expect("a name");
        if self.runs.contains_key(name) {
            return Some(whole(409, &status(409, "AlreadyExists", "it exists already")));
        }
        let answer = self.create(body.clone());
        match fault {
            Some(Fault::LostAfter) => None,
            Some(Fault::Silent) => Some((0, Answer::empty())),
            _ => Some(whole(201, &answer)),
        }
    }

    fn create(&mut self, mut run: Value) -> Value {
        let name = run["metadata"]["name"].as_str().expect("a name").to_owned();
        run["metadata"]["uid"] = json!(format!("uid-of-{name}"));
        run["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:00:{:02}Z", self.runs.len() % 60));
        let answer = self.store(&name, run);
        if let Some(status) = self.status.clone() {
            let mut run = answer.clone();
            run["status"] = status;
            self.store(&name, run);
        }
        answer
    }

    fn patch(&mut self, name: &str, patch: &Value) -> (u16, Answer) {
        let Some(mut run) = self.runs.get(name).cloned() else { return missing() };
        let version = &patch["metadata"]["resourceVersion"];
        if !version.is_null() && *version != run["metadata"]["resourceVersion"] {
            return whole(409, &status(409, "Conflict", "it has changed"));
        }
        merge(&mut run, patch);
        let run = self.store(name, run);
        whole(200, &run)
    }

    fn store(&mut self, name: &str, mut run: Value) -> Value {
        self.version += 1;
        run["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let known = self.runs.insert(name.to_owned(), run.clone());
        let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
        self.tell("/coderuns", &json!({"type": kind, "object": run}));
        run
    }

    fn tell(&self, path: &str, event: &Value) {
        for (line, watch) in self.watches.iter().filter(|(line, _)| line.contains(path)) {
            if path != "/coderuns" || !line.contains("labelSelector") || is_own(&event["object"]) {
                let _ = watch.unbounded_send(Bytes::from(format!("{event}\n")));
            }
        }
    }
}

fn is_own(run: &Value) -> bool {
    run["metadata"]["labels"]["locus.dev/front-door"] == "true"
}

fn merge(object: &mut Value, patch: &Value) {
    match (object, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(object.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (object, Value::Object(_)) => {
            *object = json!({});
            merge(object, patch);
        }
        (object, patch) => *object = patch.clone(),
    }
}

fn whole(code: u16, value: &Value) -> (u16, Answer) {
    (code, Answer::from(value.to_string()))
}

fn missing() -> (u16, Answer) {
    whole(404, &status(404, "NotFound", "not found"))
}

fn list(items: &[Value], version: u64) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": version.to_string()}})
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

pub fn language(id: &str, file_name: &str) -> Value {
    json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Language",
        "metadata": {"name": id, "uid": id, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"name": id, "version": "1", "fileName": file_name, "image": id, "run": [id]}})
}

/// A run of the front door's that has a pod of its own.
pub fn running(name: &str) -> Value {
    json!({"apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
        "metadata": {"name": name, "labels": {"locus.dev/front-door": "true"}},
        "spec": {"language": "python", "code": "", "interactive": true},
        "status": {"phase": "Running", "podName": name, "podUID": format!("uid-of-{name}"),
            "startTime": "2026-01-01T00:00:01Z",
            "conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})
}
