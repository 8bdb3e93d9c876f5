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

/// Waits until no pod has the run's label.
pub async fn pod_gone(client: &Client, run: &CodeRun) {
    let pods = run_pods(client);
    let label = ListParams::default().labels(&label_of(run));
    until("the end of the run's pod", async || {
        pods.list(&label).await.expect("pods can be listed").items.is_empty().then_some(())
    })
    .await;
}

/// Every pod that has ever had a run's label, from the moment of [`PodsSeen::of`] on.
pub struct PodsSeen {
    uids: Arc<Mutex<BTreeSet<String>>>,
    watch: JoinHandle<()>,
}

impl PodsSeen {
    /// Starts to look.
    #[must_use]
    pub fn of(client: &Client, run: &CodeRun) -> Self {
        let uids = Arc::<Mutex<BTreeSet<String>>>::default();
        let pods = watcher(run_pods(client), watcher::Config::default().labels(&label_of(run))).default_backoff();
        let seen = uids.clone();
        let watch = tokio::spawn(async move {
            let mut pods = pin!(pods.touched_objects());
            while let Some(event) = pods.next().await {
                if let Ok(pod) = event {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).extend(pod.uid());
                }
            }
        });
        Self { uids, watch }
    }

    /// How many pods there were. A second one would come late, so this looks for a while longer.
    pub async fn count(&self) -> usize {
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.uids.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for PodsSeen {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

fn label_of(run: &CodeRun) -> String {
    format!("{}={}", labels::CODERUN_UID, run.uid().expect("a stored object has a UID"))
}
