//! What happens to a run whose pod the platform takes away: a typed verdict, and never a second run.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, EvictParams, Patch, PatchParams};
use locus_api::CodeRun;
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::pods::{PodsSeen, pod_gone, pod_of, run_pods};
use locus_e2e::scenario::{ended, status};
use serde_json::json;

/// A run that goes on for longer than its pod will.
async fn victim(scenario: &Scenario) -> (CodeRun, PodsSeen) {
    let spec = json!({"language": "python", "code": "import time\ntime.sleep(100)", "limits": {"timeoutSeconds": 120}});
    let created = scenario.create("victim", spec).await;
    let seen = PodsSeen::of(&scenario.client, &created);
    (scenario.running("victim").await, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_pod_is_evicted_ends_as_evicted() {
    let scenario = Scenario::new("evicted").await;
    let (run, seen) = victim(&scenario).await;
    let pod = pod_of(&scenario.client, &run).await.name_any();
    run_pods(&scenario.client).evict(&pod, &EvictParams::default()).await.expect("a pod can be evicted");
    let run = scenario.finished("victim").await;
    let _ = ended(&run, Outcome::PodEvicted);
    pod_gone(&scenario.client, &run).await;
    assert_eq!(seen.count().await, 1, "an evicted run is not run again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_pod_someone_deletes_ends_and_is_not_run_again() {
    deleted("deleted", &DeleteParams::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_pod_someone_deletes_by_force_ends_and_is_not_run_again() {
    deleted("forced", &DeleteParams::default().grace_period(0)).await;
}

async fn deleted(name: &str, params: &DeleteParams) {
    let scenario = Scenario::new(name).await;
    let (run, seen) = victim(&scenario).await;
    let pod = pod_of(&scenario.client, &run).await.name_any();
    run_pods(&scenario.client).delete(&pod, params).await.expect("a pod can be deleted");
    let run = scenario.finished("victim").await;
    // The runner may still tell that it is being stopped, or be gone before that.
    let told = status(&run).outcome.as_deref() == Some(Outcome::RunnerFailed.as_str());
    let _ = ended(&run, if told { Outcome::RunnerFailed } else { Outcome::NodeLost });
    pod_gone(&scenario.client, &run).await;
    assert_eq!(seen.count().await, 1, "a run whose pod is deleted is not run again");
}

/// What the control plane does to the pods of a node that no longer answers, without the minutes of waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_node_is_lost_ends_as_lost() {
    let scenario = Scenario::new("lost").await;
    let (run, seen) = victim(&scenario).await;
    let pod = pod_of(&scenario.client, &run).await.name_any();
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": Timestamp::now().to_string()
    });
    let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
    let pods = run_pods(&scenario.client);
    pods.patch_status(&pod, &PatchParams::default(), &patch).await.expect("the condition can be written");
    pods.delete(&pod, &DeleteParams::default()).await.expect("a pod can be deleted");
    let run = scenario.finished("victim").await;
    let error = ended(&run, Outcome::NodeLost).error.clone().unwrap_or_default();
    assert!(error.contains("node"), "{error}");
    pod_gone(&scenario.client, &run).await;
    assert_eq!(seen.count().await, 1, "a run whose node is lost is not run again");
}
