//! Watches CodeRuns, run pods, pools and languages, and wakes [`Operator::reconcile`] when one of them changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, ResourceExt as _};
use locus_api::{Catalogue, CodeRun, Language, Pool, labels};

use crate::links::lock;
use crate::plan::is_finished;
use crate::reconcile::{Inputs, Operator, ReconcileError, slim};
use crate::sweep::sweep;
use crate::{configured, languages, pools};

/// The most CodeRuns that are worked on at one time.
const CONCURRENCY: u16 = 64;

/// CodeRuns that are listed at a time: each may hold more than a megabyte until what is not needed is left out.
const PAGE: u32 = 32;

/// Runs until `stop` is there, and then until no CodeRun is being worked on. `ready` is set once all languages, CodeRuns,
/// pods and pools have been seen.
pub async fn run(
    operator: Arc<Operator>,
    inputs: Inputs,
    ready: Arc<AtomicBool>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (runs, run_writer) = reflector::store::<CodeRun>();
    let (pools, pool_writer) = reflector::store::<Pool>();
    let (languages, language_writer) = reflector::store::<Language>();
    let (gone, forgotten) = unbounded::<CodeRun>();
    let run_stream = watcher(Api::<CodeRun>::all(operator.client.clone()), watcher::Config::default().page_size(PAGE))
        .default_backoff()
        .modify(slim)
        .inspect(move |event| {
            if let Ok(watcher::Event::Delete(run)) = event {
                let _ = gone.unbounded_send(run.clone());
            }
        })
        .reflect(run_writer)
        .touched_objects();
    let watching = operator.clone();
    let pod_stream = watcher(
        Api::<Pod>::namespaced(operator.client.clone(), &operator.config.run_namespace),
        watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::OPERATOR)),
    )
    .default_backoff()
    .modify(|pod| pod.metadata.managed_fields = None)
    .reflect(inputs.pods)
    .inspect(move |event| match event {
        Ok(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod)) => {
            lock(&watching.made).remove(&pod.name_any());
            watching.standbys.see(pod);
        }
        Ok(watcher::Event::Delete(pod)) => {
            lock(&watching.made).remove(&pod.name_any());
            watching.standbys.forget(pod);
        }
        Ok(watcher::Event::InitDone) => {
            let pods = watching.pods.state();
            watching.standbys.keep_only(|uid| pods.iter().any(|pod| pod.metadata.uid.as_deref() == Some(uid)));
        }
        _ => {}
    })
    .touched_objects();
    let pool_stream = watcher(
        Api::<Pool>::namespaced(operator.client.clone(), &operator.config.run_namespace),
        watcher::Config::default(),
    )
    .default_backoff()
    .reflect(pool_writer)
    .touched_objects();

    let making = operator.clone();
    // Those of the settings are there before any are listed: no run finds its language missing at the first start.
    let language_stream = futures::stream::once(async move { configured::apply_languages(&making).await })
        .flat_map({
            let client = operator.client.clone();
            move |()| watcher(Api::<Language>::all(client.clone()), watcher::Config::default())
        })
        .default_backoff()
        .modify(|language| language.metadata.managed_fields = None)
        .reflect(language_writer);
    let languages_seen = tokio::spawn({
        let (operator, languages) = (operator.clone(), languages.clone());
        language_stream.for_each(move |event| {
            if let Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) = event {
                operator.set_catalogue(Catalogue::of(languages.state().iter().map(AsRef::as_ref)));
                operator.evidence.wake();
            }
            std::future::ready(())
        })
    });

    let stores = Stores { runs: runs.clone(), pools, languages };
    let chores = tokio::spawn(chores(operator.clone(), stores, forgotten, ready));
    let pools_changed = operator.pools_changed.clone();
    let pools_seen = tokio::spawn(pool_stream.for_each(move |_| {
        pools_changed.notify_one();
        std::future::ready(())
    }));
    let desk = operator.clone();
    Controller::for_stream(run_stream, runs)
        .with_config(ControllerConfig::default().concurrency(CONCURRENCY))
        .watches_stream(pod_stream, move |pod| {
            run_of(&pod).or_else(|| desk.desk.run_with(pod.metadata.uid.as_deref()?))
        })
        .reconcile_on(inputs.woken)
        .graceful_shutdown_on(stop)
        .run(reconcile, back_off, operator)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(%error, "reconcile");
            }
        })
        .await;
    chores.abort();
    pools_seen.abort();
    languages_seen.abort();
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

/// What the watches have shown, run pods aside.
struct Stores {
    runs: Store<CodeRun>,
    pools: Store<Pool>,
    languages: Store<Language>,
}

/// What runs beside reconciling: forgetting CodeRuns that are deleted, languages, pools, and the sweep.
async fn chores(
    operator: Arc<Operator>,
    Stores { runs, pools, languages }: Stores,
    mut forgotten: UnboundedReceiver<CodeRun>,
    ready: Arc<AtomicBool>,
) {
    filled(&languages).await;
    filled(&runs).await;
    filled(&operator.pods).await;
    filled(&pools).await;
    let unfinished: Vec<_> = runs.state().into_iter().filter(|run| !is_finished(run)).collect();
    operator.desk.open(&unfinished);
    ready.store(true, Ordering::Relaxed);
    let served = operator.catalogue().map_or(0, |catalogue| catalogue.served().len());
    tracing::info!(languages = served, coderuns = runs.state().len(), pods = operator.pods.state().len(), "watching");
    let forget = async {
        while let Some(run) = forgotten.next().await {
            if let Err(error) = operator.forget(&run).await {
                tracing::warn!(coderun.name = run.name_any(), %error, "the sweep will try again");
            }
        }
    };
    let give_out = async {
        loop {
            operator.standbys.freed().await;
            operator.desk.turn((operator.clock)());
        }
    };
    tokio::join!(
        forget,
        give_out,
        sweep(&operator, &runs),
        configured::apply_pools(&operator),
        pools::run(&operator, &pools, &runs),
        languages::run(&operator, &languages, &runs),
    );
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
