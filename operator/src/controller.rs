//! Watches CodeRuns and run pods, and wakes [`Operator::reconcile`] when one of them changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{WatchStreamExt as _, reflector::store::Writer};
use kube::{Api, ResourceExt as _};
use locus_api::{CodeRun, labels};

use crate::reconcile::{Operator, ReconcileError, slim};
use crate::sweep::sweep;

/// The most CodeRuns that are worked on at one time.
const CONCURRENCY: u16 = 64;

/// Runs until `stop` is there, and then until no CodeRun is being worked on. `pods` is the writer of the store that the operator reads; `woken`
/// names CodeRuns whose link has news; `ready` is set once all CodeRuns and pods have been seen.
pub async fn run(
    operator: Arc<Operator>,
    pods: Writer<Pod>,
    woken: UnboundedReceiver<ObjectRef<CodeRun>>,
    ready: Arc<AtomicBool>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (runs, run_writer) = reflector::store::<CodeRun>();
    let (gone, forgotten) = futures::channel::mpsc::unbounded::<CodeRun>();
    let run_stream = watcher(Api::<CodeRun>::all(operator.client.clone()), watcher::Config::default())
        .default_backoff()
        .modify(slim)
        .inspect(move |event| {
            if let Ok(watcher::Event::Delete(run)) = event {
                let _ = gone.unbounded_send(run.clone());
            }
        })
        .reflect(run_writer)
        .touched_objects();
    let pod_stream = watcher(
        Api::<Pod>::namespaced(operator.client.clone(), &operator.config.run_namespace),
        watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::OPERATOR)),
    )
    .default_backoff()
    .modify(|pod| pod.metadata.managed_fields = None)
    .reflect(pods)
    .touched_objects();

    let chores = tokio::spawn(chores(operator.clone(), runs.clone(), forgotten, ready));
    Controller::for_stream(run_stream, runs)
        .with_config(ControllerConfig::default().concurrency(CONCURRENCY))
        .watches_stream(pod_stream, |pod| run_of(&pod))
        .reconcile_on(woken)
        .graceful_shutdown_on(stop)
        .run(reconcile, back_off, operator)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "reconcile");
            }
        })
        .await;
    chores.abort();
}

async fn reconcile(run: Arc<CodeRun>, operator: Arc<Operator>) -> Result<Action, ReconcileError> {
    operator.reconcile(run).await
}

/// A stale decision is made again as soon as the watch has caught up; anything else waits a little.
#[allow(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
fn back_off(run: Arc<CodeRun>, error: &ReconcileError, operator: Arc<Operator>) -> Action {
    if error.is_conflict() {
        return Action::requeue(Duration::from_millis(50));
    }
    operator.metrics.failed(error.reason());
    tracing::warn!(coderun.name = run.name_any(), coderun.namespace = run.namespace(), %error, "step failed, trying again");
    Action::requeue(Duration::from_secs(2))
}

/// What runs beside reconciling: forgetting CodeRuns that are deleted, and the sweep.
async fn chores(
    operator: Arc<Operator>,
    runs: Store<CodeRun>,
    mut forgotten: futures::channel::mpsc::UnboundedReceiver<CodeRun>,
    ready: Arc<AtomicBool>,
) {
    filled(&runs).await;
    filled(&operator.pods).await;
    ready.store(true, Ordering::Relaxed);
    tracing::info!(coderuns = runs.state().len(), pods = operator.pods.state().len(), "watching");
    let forget = async {
        while let Some(run) = forgotten.next().await {
            if let Err(error) = operator.forget(&run).await {
                tracing::warn!(coderun.name = run.name_any(), %error, "the sweep will try again");
            }
        }
    };
    tokio::join!(forget, sweep(&operator, &runs));
}

/// Waits until a store has been filled. A store wakes only one of those who wait for it, and the controller waits
/// too: so this one looks again and again.
async fn filled<K>(store: &Store<K>)
where
    K: reflector::Lookup<DynamicType = ()> + Clone + 'static,
{
    while tokio::time::timeout(Duration::from_millis(50), store.wait_until_ready()).await.is_err() {}
}

/// The CodeRun that a pod was made for.
fn run_of(pod: &Pod) -> Option<ObjectRef<CodeRun>> {
    let name = pod.annotations().get(labels::CODERUN_NAME)?;
    let namespace = pod.labels().get(labels::CODERUN_NAMESPACE)?;
    Some(ObjectRef::new(name).within(namespace))
}
