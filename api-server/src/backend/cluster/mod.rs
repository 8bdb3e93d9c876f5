//! Programs run as `CodeRun`s on a cluster. Nothing else of the front door knows that there is one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client};
use locus_api::{Catalogue, CodeRun, CodeRunSpec, labels};
use locus_core::{Limits, RunRequest};
use locus_languages::Language;
use serde_json::json;

use crate::backend::{Backend, BackendError, Execution, LanguageInfo};
use crate::gate::Gate;
use waiters::Waiters;

mod status;
mod waiters;

/// A finished `CodeRun` of the front door is of no use to anyone else: it is deleted after this long.
const TTL_SECONDS: u32 = 60;
/// How long a run may wait for its turn on the cluster before it is given up.
const QUEUE_SECONDS: u64 = 600;
/// How often, and how far apart, a run that nobody waits for is asked to stop.
const CANCEL_TRIES: u32 = 3;
const CANCEL_PAUSE: Duration = Duration::from_secs(1);

/// A cluster.
pub struct Cluster {
    runs: Api<CodeRun>,
    waiters: Arc<Waiters>,
    languages: Arc<Languages>,
    gate: Gate,
    watches: [tokio::task::JoinHandle<()>; 2],
}

/// The languages that the operator serves, once they have been listed. Those that are seen last are good as long as the
/// watch is broken.
type Languages = Mutex<Option<Arc<Catalogue>>>;

impl Cluster {
    /// The cluster of the kubeconfig, or the one that this process runs in.
    ///
    /// # Errors
    /// No cluster is configured.
    pub async fn connect(namespace: Option<String>, gate: Gate) -> anyhow::Result<Self> {
        let config = kube::Config::infer().await?;
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        Ok(Self::new(Client::try_from(config)?, &namespace, gate))
    }

    /// A cluster behind a client; its watches start at once.
    #[must_use]
    pub fn new(client: Client, namespace: &str, gate: Gate) -> Self {
        let runs = Api::namespaced(client.clone(), namespace);
        let (waiters, languages) = (Arc::<Waiters>::default(), Arc::<Languages>::default());
        let watches = [
            tokio::spawn(watch(runs.clone(), waiters.clone())),
            tokio::spawn(watch_languages(Api::all(client), languages.clone())),
        ];
        Self { runs, waiters, languages, gate, watches }
    }

    fn catalogue(&self) -> Result<Arc<Catalogue>, BackendError> {
        let catalogue = self.languages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        catalogue
            .ok_or_else(|| BackendError::Unavailable("the cluster's Languages have not been listed yet".to_owned()))
    }

    async fn run(&self, request: RunRequest) -> Result<Execution, BackendError> {
        let catalogue = self.catalogue()?;
        let served =
            catalogue.find(&request.language).map_err(|error| BackendError::UnknownLanguage(error.to_string()))?;
        let language = &served.language;
        request.sources(&language.file_name).map_err(|error| BackendError::InvalidRequest(error.to_string()))?;
        let patience = patience(language, &request);
        let _admission = self.gate.enter().await?;

        let run = code_run(request);
        let name = run.metadata.name.clone().unwrap_or_default();
        let mut waiting = self.waiters.register(&name);
        let mut abandoned = CancelOnDrop { runs: self.runs.clone(), name, armed: true };
        if let Err(error) = self.runs.create(&PostParams::default(), &run).await {
            // A refusal leaves nothing behind; after any other error the CodeRun may exist.
            abandoned.armed = !matches!(error, kube::Error::Api(_));
            return Err(status::refusal(&error));
        }
        waiting.created();
        let ended = tokio::time::timeout(patience, waiting.ended())
            .await
            .map_err(|_| BackendError::NoResult { seconds: patience.as_secs() })?;
        abandoned.armed = false;
        let gone = || BackendError::Unavailable("the run was deleted before its result was read".to_owned());
        status::execution(*ended.ok_or_else(gone)?)
    }
}

impl Backend for Cluster {
    fn languages(&self) -> Vec<LanguageInfo> {
        let catalogue = self.catalogue().unwrap_or_default();
        let mut languages: Vec<_> = catalogue.served().iter().map(|served| &served.language).collect();
        languages.sort_by(|one, other| {
            (&one.id, !one.default, &one.version).cmp(&(&other.id, !other.default, &other.version))
        });
        languages.into_iter().map(LanguageInfo::from).collect()
    }

    fn execute(&self, request: RunRequest) -> BoxFuture<'_, Result<Execution, BackendError>> {
        Box::pin(self.run(request))
    }

    fn ready(&self) -> Result<(), BackendError> {
        self.catalogue()?;
        if self.waiters.is_synced() {
            Ok(())
        } else {
            Err(BackendError::Unavailable("the cluster's CodeRuns can't be watched".to_owned()))
        }
    }

    fn name(&self) -> &'static str {
        "cluster"
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.watches.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn code_run(request: RunRequest) -> CodeRun {
    let spec = CodeRunSpec { ttl_seconds_after_finished: Some(TTL_SECONDS), ..CodeRunSpec::from(request) };
    let mut run = CodeRun::new(&format!("run-{}", uuid::Uuid::new_v4()), spec);
    run.metadata.labels = Some([(labels::FRONT_DOOR.to_owned(), "true".to_owned())].into());
    run
}

/// How long a request waits for its run: its time limit, once for each step, and the wait for its turn.
fn patience(language: &Language, request: &RunRequest) -> Duration {
    let default = Limits::clamp(language.limits, Limits::DEFAULT, Limits::MAXIMUM);
    let limits = Limits::clamp(request.limits, default, Limits::MAXIMUM);
    let steps = if language.compile.is_some() { 2 } else { 1 };
    Duration::from_secs(steps * u64::from(limits.timeout_seconds) + QUEUE_SECONDS)
}

async fn watch(runs: Api<CodeRun>, waiters: Arc<Waiters>) {
    let own = watcher::Config::default().labels(&format!("{}=true", labels::FRONT_DOOR));
    let mut events = std::pin::pin!(watcher(runs, own).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => waiters.observe(event),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the watch on CodeRuns broke");
                waiters.watch_failed();
            }
        }
    }
}

async fn watch_languages(languages: Api<locus_api::Language>, known: Arc<Languages>) {
    let (store, writer) = reflector::store();
    let events = watcher(languages, watcher::Config::default()).default_backoff().reflect(writer);
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => {
                let catalogue = Catalogue::of(store.state().iter().map(AsRef::as_ref));
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalogue));
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the watch on Languages broke");
            }
        }
    }
}

/// Asks the cluster to stop a run when its client goes away.
struct CancelOnDrop {
    runs: Api<CodeRun>,
    name: String,
    armed: bool,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.armed {
            return;
        }
        let (runs, name) = (self.runs.clone(), std::mem::take(&mut self.name));
        runtime.spawn(async move {
            let cancel = Patch::Merge(json!({ "spec": { "cancelRequested": true } }));
            for _ in 0..CANCEL_TRIES {
                // The creation may still be on its way, so that "not found" is no reason to give up.
                if runs.patch(&name, &PatchParams::default(), &cancel).await.is_ok() {
                    return;
                }
                tokio::time::sleep(CANCEL_PAUSE).await;
            }
            tracing::warn!(coderun.name = name, "a run that nobody waits for could not be cancelled");
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use locus_core::{LimitsRequest, RunRequest};

    use super::{code_run, patience};

    #[test]
    fn a_code_run_is_marked_as_the_front_doors_own() {
        let run = code_run(RunRequest { language: "python".into(), code: Some(String::new()), ..Default::default() });
        assert!(run.metadata.name.is_some_and(|name| name.starts_with("run-") && name.len() == 40));
        assert_eq!(run.metadata.labels.expect("labels")["locus.dev/front-door"], "true");
        assert_eq!(run.spec.ttl_seconds_after_finished, Some(60));
    }

    #[test]
    fn a_request_waits_for_its_time_limit_and_its_turn() {
        let limits = LimitsRequest { timeout_seconds: Some(9000), ..LimitsRequest::default() };
        let request = RunRequest { limits, ..RunRequest::default() };
        let python = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        assert_eq!(patience(python, &request), Duration::from_secs(300 + 600));
    }
}
