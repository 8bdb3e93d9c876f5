//! A namespace of `CodeRuns`, for one test.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{
    DeleteParams, ListParams, LogParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt as _};
use locus_api::{CodeRun, CodeRunStatus, Phase, SUCCEEDED, labels};
use locus_core::Outcome;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::cluster::{self, OPERATOR, RELEASE_NAMESPACE, RUN_NAMESPACE, within};
use crate::pods::run_pods;

/// The longest that is spent on telling about a failure, or on cleaning up.
const CLOSING: Duration = Duration::from_secs(20);

/// The last lines of the operator's log that are shown when a test fails.
const LOG_LINES: i64 = 60;

/// A fresh namespace. It is deleted when its test passes; when the test fails it stays, and what may explain the
/// failure goes to standard error.
pub struct Scenario {
    /// A client of the cluster.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
}

impl Scenario {
    /// Makes a namespace `e2e-<name>-<random>`.
    pub async fn new(name: &str) -> Self {
        let client = cluster::client().await;
        let random = Uuid::new_v4().simple().to_string();
        let namespace = format!("e2e-{name}-{}", &random[..8]);
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let object = Namespace {
            metadata: ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        namespaces.create(&PostParams::default(), &object).await.expect("a namespace can be made");
        Self { client, namespace }
    }

    /// The `CodeRuns` of the namespace.
    #[must_use]
    pub fn runs(&self) -> Api<CodeRun> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a `CodeRun`.
    pub async fn create(&self, name: &str, spec: Value) -> CodeRun {
        let run = serde_json::from_value(self.manifest(name, spec)).expect("the spec is a CodeRun's");
        match self.runs().create(&PostParams::default(), &run).await {
            Ok(run) => run,
            Err(error) => panic!("coderun {name} is refused: {error}"),
        }
    }

    /// A `CodeRun` as users write it down.
    #[must_use]
    pub fn manifest(&self, name: &str, spec: Value) -> Value {
        let mut manifest = json!({
            "apiVersion": "locus.dev/v1alpha1",
            "kind": "CodeRun",
            "metadata": { "name": name, "namespace": self.namespace }
        });
        manifest["spec"] = spec;
        manifest
    }

    /// Creates a `CodeRun` and waits for its end.
    pub async fn run(&self, name: &str, spec: Value) -> CodeRun {
        self.create(name, spec).await;
        self.finished(name).await
    }

    /// The `CodeRun`, once it has an outcome.
    pub async fn finished(&self, name: &str) -> CodeRun {
        self.when(name, "the end", |status| status.outcome.is_some()).await
    }

    /// The `CodeRun`, once it is running. One that ends before that was seen fails the test.
    pub async fn running(&self, name: &str) -> CodeRun {
        let run = self.when(name, "the start", |status| status.phase != Some(Phase::Pending)).await;
        assert_eq!(status(&run).phase, Some(Phase::Running), "coderun {name}: {:?}", status(&run));
        run
    }

    /// The `CodeRun`, once its status is as wanted.
    pub async fn when(&self, name: &str, what: &str, wanted: impl Fn(&CodeRunStatus) -> bool) -> CodeRun {
        let there = |run: Option<&CodeRun>| run.is_none_or(|run| run.status.as_ref().is_some_and(&wanted));
        // A CodeRun is large for what tests hold on their stacks.
        let wait = Box::pin(await_condition(self.runs(), name, there));
        let run = within(&format!("{what} of coderun {name}"), wait).await;
        match run {
            Ok(Some(run)) => run,
            Ok(None) => panic!("coderun {name} was deleted before {what} of it"),
            Err(error) => panic!("watching coderun {name}: {error}"),
        }
    }

    /// Every state that a `CodeRun` has had, from its creation to its outcome, as a watch shows them.
    pub async fn history(&self, created: CodeRun) -> Vec<CodeRun> {
        let params = WatchParams::default().fields(&format!("metadata.name={}", created.name_any())).timeout(290);
        let version = created.resource_version().expect("a stored object has a version");
        let runs = self.runs();
        let watch = async {
            let mut events = runs.watch(&params, &version).await.expect("coderuns can be watched").boxed();
            let mut states = vec![created];
            while let Some(event) = events.next().await {
                match event.expect("the watch goes on") {
                    WatchEvent::Modified(run) | WatchEvent::Added(run) => states.push(run),
                    WatchEvent::Bookmark(_) => {}
                    event => panic!("the watch ends with {event:?}"),
                }
                if states.last().is_some_and(|run| status(run).outcome.is_some()) {
                    return states;
                }
            }
            panic!("the watch ended before the run did");
        };
        within("the end of the coderun that is watched", watch).await
    }

    /// Asks for a run to stop.
    pub async fn cancel(&self, name: &str) {
        let patch = Patch::Merge(json!({ "spec": { "cancelRequested": true } }));
        self.runs().patch(name, &PatchParams::default(), &patch).await.expect("a run can be cancelled");
    }

    /// Tells what there is that may explain a failure.
    async fn tell(&self) {
        eprintln!("--- namespace {} (it stays) ---", self.namespace);
        for run in self.runs().list(&ListParams::default()).await.into_iter().flatten() {
            eprintln!("coderun {}: {}", run.name_any(), shortened(&json!(run.status)));
        }
        let label = format!("{}={}", labels::CODERUN_NAMESPACE, self.namespace);
        for pod in run_pods(&self.client).list(&ListParams::default().labels(&label)).await.into_iter().flatten() {
            eprintln!("pod {}: {}", pod.name_any(), shortened(&json!(pod.status)));
        }
        for namespace in [&self.namespace, RUN_NAMESPACE] {
            let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
            for event in events.list(&ListParams::default().limit(100)).await.into_iter().flatten() {
                let object = event.involved_object;
                eprintln!(
                    "event on {} {}: {}: {}",
                    object.kind.unwrap_or_default(),
                    object.name.unwrap_or_default(),
                    event.reason.unwrap_or_default(),
                    event.message.unwrap_or_default()
                );
            }
        }
        for pod in cluster::pods_of(&self.client, OPERATOR).await.into_iter().flatten() {
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), RELEASE_NAMESPACE);
            let lines = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
            let log = pods.logs(&pod.name_any(), &lines).await.unwrap_or_else(|error| error.to_string());
            eprintln!("--- log of {} ---\n{log}", pod.name_any());
        }
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        let closing = async {
            if std::thread::panicking() {
                self.tell().await;
            } else {
                let namespaces: Api<Namespace> = Api::all(self.client.clone());
                if let Err(error) = namespaces.delete(&self.namespace, &DeleteParams::default()).await {
                    eprintln!("namespace {} is left behind: {error}", self.namespace);
                }
            }
        };
        // Tests run on the multi-thread runtime, which may block in place.
        tokio::task::block_in_place(|| Handle::current().block_on(timeout(CLOSING, closing)).ok());
    }
}

/// The status of a run, which every stored one has.
#[must_use]
pub fn status(run: &CodeRun) -> &CodeRunStatus {
    run.status.as_ref().expect("a coderun has a status from the start")
}

/// The condition Succeeded of a run.
#[must_use]
pub fn condition(run: &CodeRun) -> Option<&Condition> {
    status(run).conditions.iter().find(|condition| condition.type_ == SUCCEEDED)
}

/// The status of a run that must have ended in this way, and that says the same in each of its fields.
#[track_caller]
#[must_use]
pub fn ended(run: &CodeRun, outcome: Outcome) -> &CodeRunStatus {
    let status = status(run);
    let told = || format!("coderun {}: {}", run.name_any(), shortened(&json!(status)));
    assert_eq!(status.outcome.as_deref(), Some(outcome.as_str()), "{}", told());
    let condition = condition(run).expect("a finished run has a condition");
    assert_eq!(condition.reason, outcome.as_str(), "{}", told());
    assert_eq!(condition.status, if outcome.is_success() { "True" } else { "False" }, "{}", told());
    assert_eq!(status.phase, Some(if outcome.is_success() { Phase::Succeeded } else { Phase::Failed }), "{}", told());
    assert_eq!(status.observed_generation, run.metadata.generation, "{}", told());
    assert!(status.completion_time.is_some(), "{}", told());
    let error = status.error.as_deref().unwrap_or_default();
    assert_eq!(error.is_empty(), outcome.is_success(), "{}", told());
    status
}

/// JSON with its long strings cut, to be read by people.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > 400 => {
            Value::String(format!("{}... ({} bytes)", text.chars().take(200).collect::<String>(), text.len()))
        }
        Value::Array(items) => items.iter().map(shortened).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), shortened(value))).collect(),
        other => other.clone(),
    }
}
