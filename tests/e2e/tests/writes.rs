//! How much a run costs the API server. The counters are the whole operator's: this test runs alone.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::metrics::operator_writes;
use locus_e2e::pods::pod_gone;
use locus_e2e::scenario::{condition, ended};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_four_writes_and_a_failure_one_event_more() {
    let scenario = Scenario::new("writes").await;
    // The image is pulled and the caches are warm after a first run.
    scenario.run("first", json!({"language": "python", "code": "print(1)"})).await;

    for (name, code, outcome) in
        [("completes", "print(1)", Outcome::Completed), ("fails", "raise SystemExit(3)", Outcome::NonZeroExit)]
    {
        let before = settled(&scenario.client).await;
        let created = scenario.create(name, json!({"language": "python", "code": code})).await;
        let states = scenario.history(created).await;
        let run = states.last().expect("there is a last state");
        let _ = ended(run, outcome);
        pod_gone(&scenario.client, run).await;
        let after = settled(&scenario.client).await;

        let written = |write: &str| after.get(write).unwrap_or(&0) - before.get(write).unwrap_or(&0);
        let told = format!("{name}: from {before:?} to {after:?}");
        // A run whose pod takes more than a second says so, once.
        let waits = ["PodPending", "Queued"];
        let mut conditions = states.iter().filter_map(condition);
        let waited = u64::from(conditions.any(|condition| waits.contains(&condition.reason.as_str())));
        let failed = u64::from(!outcome.is_success());
        assert_eq!(written("patch coderuns"), 2 + waited, "the claim and the result; {told}");
        assert_eq!(written("create events"), failed, "{told}");
        assert_eq!((written("create pods"), written("delete pods")), (1, 1), "{told}");
        let all = after.values().sum::<u64>() - before.values().sum::<u64>();
        assert_eq!(all, 4 + waited + failed, "{told}");
    }
}

/// The counters, once they have stood still for a while.
async fn settled(client: &Client) -> BTreeMap<String, u64> {
    let mut last = operator_writes(client).await;
    loop {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let next = operator_writes(client).await;
        if next == last {
            return last;
        }
        last = next;
    }
}
