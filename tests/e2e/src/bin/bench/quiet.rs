//! A cluster where nothing goes on: pools are full, and no pod starts or ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use locus_api::{CodeRun, Pool, labels};
use locus_core::Outcome;
use locus_e2e::cluster::{BOUND, RUN_NAMESPACE, is_ready};
use locus_e2e::pods::run_pods;
use tokio::time::sleep;

/// How long there must be nothing to see.
const STEADY: Duration = Duration::from_millis(250);

/// The pods that wait, by the name of their pool.
pub type Waiting = BTreeMap<String, BTreeSet<String>>;

/// Waits until nothing goes on, and then for a random part of a second. The kubelet looks at its containers once a second,
/// and what it sees at such a look is told then: without a pause of random length, each sample would fall on the same
/// moment between two looks.
pub async fn quiet(client: &Client) -> anyhow::Result<Waiting> {
    let waiting = settled(client).await?;
    let random = uuid::Uuid::new_v4().as_bytes()[0];
    sleep(Duration::from_millis(u64::from(random) * 4)).await;
    Ok(waiting)
}

/// Waits until the pools are full and there is no other run pod. That must hold for a while: a pod whose run has just ended
/// looks like one that waits.
pub async fn settled(client: &Client) -> anyhow::Result<Waiting> {
    let began = Instant::now();
    let mut before = None;
    loop {
        before = match look(client).await? {
            Ok(waiting) if before.as_ref() == Some(&waiting) => return Ok(waiting),
            Ok(waiting) => Some(waiting),
            Err(unrest) if began.elapsed() > BOUND => bail!("the cluster does not come to rest: {unrest}"),
            Err(_) => None,
        };
        sleep(STEADY).await;
    }
}

/// The pods that wait, or what goes on. A pool's status alone would be too late.
async fn look(client: &Client) -> anyhow::Result<Result<Waiting, String>> {
    let pools: Api<Pool> = Api::namespaced(client.clone(), RUN_NAMESPACE);
    let pools = pools.list(&ListParams::default()).await.context("is Locus installed?")?.items;
    let mut waiting = Waiting::new();
    for pod in run_pods(client).list(&ListParams::default()).await? {
        match pod.labels().get(labels::POOL) {
            Some(pool) if is_ready(&pod) => waiting.entry(pool.clone()).or_default().insert(pod.name_any()),
            _ => return Ok(Err(format!("pod {} starts, ends or runs a program", pod.name_any()))),
        };
    }
    for pool in pools {
        let (name, size) = (pool.name_any(), pool.spec.size);
        let status = pool.status.unwrap_or_default();
        let pods = waiting.get(&name).map_or(0, BTreeSet::len);
        if status.ready != size || status.starting + status.claimed > 0 || pods != usize::try_from(size)? {
            let (ready, starting, claimed) = (status.ready, status.starting, status.claimed);
            return Ok(Err(format!(
                "pool {name} should have {size} pods and has {pods}: {ready} ready, {starting} starting, {claimed} claimed"
            )));
        }
    }
    Ok(Ok(waiting))
}

/// Checks that a pool has pods.
pub fn check(waiting: &Waiting, pool: &str) -> anyhow::Result<()> {
    ensure!(
        waiting.contains_key(pool),
        "no pod waits in pool {pool}: this needs the pools of the chart, with one pod each at least"
    );
    Ok(())
}

/// Whether a run had a pod of its own and none that waited.
pub fn is_cold(run: &CodeRun) -> bool {
    let own = run.uid().map(|uid| format!("run-{uid}"));
    run.status.as_ref().is_none_or(|status| status.pod_name == own)
}

/// The outcome, where that is not Completed.
pub fn failure(run: &CodeRun) -> Option<String> {
    let status = run.status.as_ref()?;
    let outcome = status.outcome.as_deref().filter(|outcome| *outcome != Outcome::Completed.as_str())?;
    Some(format!("{outcome}: {}", status.error.as_deref().unwrap_or_default()))
}
