//! What can be seen of run pods.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use locus_api::{CodeRun, labels};
use tokio::task::JoinHandle;

use crate::cluster::{RUN_NAMESPACE, until};

/// The run pods.
#[must_use]
pub fn run_pods(client: &Client) -> Api<Pod> {
    Api::namespaced(client.clone(), RUN_NAMESPACE)
}

/// The pod that a run says it has.
pub async fn pod_of(client: &Client, run: &CodeRun) -> Pod {
    let status = run.status.as_ref().expect("the run has a status");
    let name = status.pod_name.as_deref().expect("the run has a pod");
    let pod = run_pods(client).get(name).await.expect("the run's pod is there");
    assert_eq!(pod.metadata.uid, status.pod_uid, "podName and podUID are of one pod");
    pod
}

/// Waits until a run has no pod any more: neither one that was made for it nor one that it took from a pool.
pub async fn pod_gone(client: &Client, run: &CodeRun) {
    let pods = run_pods(client);
    let label = ListParams::default().labels(&label_of(run));
    let claimed = run.status.as_ref().and_then(|status| status.pod_uid.clone());
    until("the end of the run's pod", async || {
        let own = pods.list(&label).await.expect("pods can be listed").items;
        let all = pods.list(&ListParams::default()).await.expect("pods can be listed").items;
        (own.is_empty() && !all.iter().any(|pod| claimed.is_some() && pod.metadata.uid == claimed)).then_some(())
    })
    .await;
}

/// Every pod that a run has ever had, from the moment of [`PodsSeen::of`] on: those made for it, and those it claimed.
pub struct PodsSeen {
    uids: Arc<Mutex<BTreeSet<String>>>,
    watches: [JoinHandle<()>; 2],
}

impl PodsSeen {
    /// Starts to look.
    #[must_use]
    pub fn of(client: &Client, run: &CodeRun) -> Self {
        let uids = Arc::<Mutex<BTreeSet<String>>>::default();
        let note = |uids: &Arc<Mutex<BTreeSet<String>>>, uid: Option<String>| {
            uids.lock().unwrap_or_else(PoisonError::into_inner).extend(uid);
        };
        let pods = watcher(run_pods(client), watcher::Config::default().labels(&label_of(run))).default_backoff();
        let seen = uids.clone();
        let made = tokio::spawn(async move {
            let mut pods = pin!(pods.touched_objects());
            while let Some(event) = pods.next().await {
                if let Ok(pod) = event {
                    note(&seen, pod.uid());
                }
            }
        });
        let runs: Api<CodeRun> = Api::namespaced(client.clone(), &run.namespace().unwrap_or_default());
        let this = watcher::Config::default().fields(&format!("metadata.name={}", run.name_any()));
        let runs = watcher(runs, this).default_backoff();
        let seen = uids.clone();
        let claimed = tokio::spawn(async move {
            let mut runs = pin!(runs.touched_objects());
            while let Some(event) = runs.next().await {
                if let Ok(run) = event {
                    note(&seen, run.status.and_then(|status| status.pod_uid));
                }
            }
        });
        Self { uids, watches: [made, claimed] }
    }

    /// How many pods there were. A second one would come late, so this looks for a while longer.
    pub async fn count(&self) -> usize {
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for PodsSeen {
    fn drop(&mut self) {
        for watch in &self.watches {
            watch.abort();
        }
    }
}

fn label_of(run: &CodeRun) -> String {
    format!("{}={}", labels::CODERUN_UID, run.uid().expect("a stored object has a UID"))
}
