//! What no single CodeRun's reconciling sees: pods whose CodeRun is gone, and more finished CodeRuns than are kept.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::runtime::reflector::Store;
use kube::{Api, ResourceExt as _};
use locus_api::{CodeRun, labels};

use crate::plan::is_finished;
use crate::reconcile::{Operator, only};

/// The time between two sweeps.
const PERIOD: Duration = Duration::from_secs(30);

/// Sweeps at once and then again and again.
pub async fn sweep(operator: &Operator, runs: &Store<CodeRun>) {
    loop {
        for name in orphans(&operator.pods.state(), &runs.state()) {
            if let Err(error) = remove_orphan(operator, &name).await {
                tracing::warn!(pod.name = name, %error, "pod not removed");
            }
        }
        forget_the_gone(operator, runs);
        for run in surplus(runs.state(), operator.config.retention.maximum_finished) {
            let api: Api<CodeRun> = Api::namespaced(operator.client.clone(), &run.namespace().unwrap_or_default());
            let same = Preconditions { uid: run.uid(), resource_version: None };
            operator.metrics.write("coderuns", "delete");
            if let Err(error) = api.delete(&run.name_any(), &DeleteParams::default().preconditions(same)).await {
                tracing::warn!(coderun.name = run.name_any(), %error, "coderun not removed");
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Forgets runs that are gone and of which nothing was told: deleted while the watch was broken, or while they were worked
/// on.
fn forget_the_gone(operator: &Operator, runs: &Store<CodeRun>) {
    let remembered = operator.remembered();
    let known: HashSet<String> = runs.state().iter().filter_map(|run| run.metadata.uid.clone()).collect();
    for uid in remembered.into_iter().filter(|uid| !known.contains(uid)) {
        operator.forget_uid(&uid);
    }
}

/// Removes a pod whose CodeRun is not known here, if the API server does not know it either: another operator may have
/// seen it earlier.
async fn remove_orphan(operator: &Operator, name: &str) -> kube::Result<()> {
    let pods: Api<Pod> = Api::namespaced(operator.client.clone(), &operator.config.run_namespace);
    let Some(pod) = pods.get_opt(name).await? else { return Ok(()) };
    let (Some(namespace), Some(run)) =
        (pod.labels().get(labels::CODERUN_NAMESPACE), pod.annotations().get(labels::CODERUN_NAME))
    else {
        return Ok(());
    };
    let run = Api::<CodeRun>::namespaced(operator.client.clone(), namespace).get_opt(run).await?;
    if run.is_some_and(|run| run.metadata.uid.as_ref() == pod.labels().get(labels::CODERUN_UID)) {
        return Ok(());
    }
    tracing::info!(pod.name = name, "removing a pod whose coderun is gone");
    operator.remove_pod(name, only(pod.uid()), false).await
}

/// The names of pods whose CodeRun does not exist.
fn orphans<P: AsRef<Pod>, R: AsRef<CodeRun>>(pods: &[P], runs: &[R]) -> Vec<String> {
    let known: HashSet<&str> = runs.iter().filter_map(|run| run.as_ref().metadata.uid.as_deref()).collect();
    pods.iter()
        .map(AsRef::as_ref)
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .filter(|pod| pod.labels().get(labels::CODERUN_UID).is_some_and(|uid| !known.contains(uid.as_str())))
        .map(kube::ResourceExt::name_any)
        .collect()
}

/// The finished CodeRuns that are too many, the oldest ones first.
fn surplus<R: AsRef<CodeRun>>(runs: Vec<R>, maximum: usize) -> Vec<R> {
    let mut finished: Vec<R> = runs.into_iter().filter(|run| is_finished(run.as_ref())).collect();
    let count = finished.len().saturating_sub(maximum);
    finished.sort_by_key(|run| {
        run.as_ref().status.as_ref().and_then(|status| status.completion_time.as_ref()).map(|time| time.0)
    });
    finished.truncate(count);
    finished
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kube::ResourceExt as _;
    use locus_api::CodeRun;
    use serde_json::json;

    use super::{orphans, surplus};

    fn run(name: &str, end: Option<&str>) -> Arc<CodeRun> {
        let status = end.map(|end| json!({"outcome": "Completed", "completionTime": end}));
        let run = json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
            "metadata": {"name": name, "uid": name}, "spec": {"language": "python", "code": ""}, "status": status
        });
        Arc::new(serde_json::from_value(run).expect("a CodeRun"))
    }

    #[test]
    fn only_pods_without_a_coderun_are_orphans() {
        let pod = |uid: &str, leaving: bool| {
            let time = leaving.then_some("2026-01-01T00:00:00Z");
            let pod =
                json!({"metadata": {"name": uid, "deletionTimestamp": time, "labels": {"locus.dev/coderun-uid": uid}}});
            Arc::new(serde_json::from_value::<k8s_openapi::api::core::v1::Pod>(pod).expect("a pod"))
        };
        let pods = [pod("here", false), pod("gone", false), pod("going", true)];
        assert_eq!(orphans(&pods, &[run("here", None)]), ["gone"]);
    }

    #[test]
    fn the_oldest_finished_runs_go_first_and_running_ones_never() {
        let runs = vec![
            run("new", Some("2026-01-03T00:00:00Z")),
            run("old", Some("2026-01-01T00:00:00Z")),
            run("middle", Some("2026-01-02T00:00:00Z")),
            run("running", None),
        ];
        let names: Vec<String> = surplus(runs.clone(), 1).iter().map(|run| run.name_any()).collect();
        assert_eq!(names, ["old", "middle"]);
        assert!(surplus(runs, 3).is_empty());
    }
}
