//! Pods that wait: taken, replaced, scaled, renewed, and shared out fairly. These tests run one at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use locus_api::{CodeRun, Pool, PoolSpec, READY, labels};
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::cluster::{OPERATOR, RELEASE_NAMESPACE, RUN_NAMESPACE, is_ready, pods_of, until};
use locus_e2e::pods::{PodsSeen, pod_gone, run_pods};
use locus_e2e::scenario::{ended, status};
use locus_e2e::tools::{Undo, kubectl, rolled_out, try_kubectl};
use serde_json::{Value, json};
use tokio::time::sleep;

fn python(code: &str) -> Value {
    json!({"language": "python", "code": code})
}

fn pools(client: &Client) -> Api<Pool> {
    Api::namespaced(client.clone(), RUN_NAMESPACE)
}

/// The pods of a pool that are not about to go.
async fn pods(client: &Client, pool: &str) -> Vec<Pod> {
    let label = ListParams::default().labels(&format!("{}={pool}", labels::POOL));
    let all = run_pods(client).list(&label).await.expect("pods can be listed").items;
    all.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
}

/// Waits until this many pods of a pool run, no others are there, and the pool says so.
async fn settled(client: &Client, pool: &str, ready: u32) -> Vec<Pod> {
    until(&format!("{ready} waiting pods of pool {pool}"), async || {
        let status = pools(client).get(pool).await.expect("the pool is there").status?;
        let there = pods(client, pool).await;
        let run = |pod: &Pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running"));
        let told = status.ready == ready && status.starting == 0 && status.claimed == 0;
        (told && there.len() == ready as usize && there.iter().all(run)).then_some(there)
    })
    .await
}

/// Waits until a pool's condition has this reason; gives its message.
async fn reason(client: &Client, pool: &str, reason: &str) -> String {
    until(&format!("reason {reason} of pool {pool}"), async || {
        let status = pools(client).get(pool).await.expect("the pool is there").status?;
        let condition = status.conditions.into_iter().find(|condition| condition.type_ == READY)?;
        (condition.reason == reason).then_some(condition.message)
    })
    .await
}

/// A pool of this test's own, removed at its end.
async fn make(client: &Client, name: &str, spec: Value) -> Undo<impl FnMut() + use<>> {
    let spec: PoolSpec = serde_json::from_value(spec).expect("the spec is a pool's");
    pools(client).create(&PostParams::default(), &Pool::new(name, spec)).await.expect("a pool can be made");
    let name = name.to_owned();
    Undo::new(move || {
        if let Err(error) = try_kubectl(&["delete", "pool", &name, "--namespace", RUN_NAMESPACE]) {
            eprintln!("pool {name} is left behind: {error}");
        }
    })
}

fn names(pods: &[Pod]) -> Vec<String> {
    let mut names: Vec<String> = pods.iter().map(kube::ResourceExt::name_any).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_a_pod_that_waits_and_another_takes_that_ones_place() {
    let scenario = Scenario::new("warm").await;
    for (pool, language, code, output) in
        [("python", "python", "print(6 * 7)", "42\n"), ("javascript", "javascript", "console.log(6 * 7)", "42\n")]
    {
        let before = names(&settled(&scenario.client, pool, 2).await);
        let run = scenario.run(language, json!({"language": language, "code": code})).await;
        let status = ended(&run, Outcome::Completed);
        assert_eq!(status.stdout.as_deref(), Some(output));
        assert_eq!(status.prestarted, Some(true), "the interpreter was up already");
        let pod = status.pod_name.clone().expect("the pod is named");
        assert!(before.contains(&pod), "{pod} waited: {before:?}");
        pod_gone(&scenario.client, &run).await;
        let after = names(&settled(&scenario.client, pool, 2).await);
        assert_eq!((after.len(), after.contains(&pod)), (2, false), "{after:?}");
        assert_eq!(after.iter().filter(|name| before.contains(name)).count(), 1, "only one was replaced");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_pod_knows_nothing_of_any_run() {
    let scenario = Scenario::new("blank").await;
    for pod in settled(&scenario.client, "python", 2).await {
        assert!(!json!(pod).to_string().contains("coderun"), "{}", json!(pod));
        assert_eq!(pod.spec.as_ref().and_then(|spec| spec.automount_service_account_token), Some(false));
        assert!(pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds).is_some_and(|seconds| seconds > 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_shown_scaled_and_deleted_with_kubectl() {
    let scenario = Scenario::new("scale").await;
    let client = &scenario.client;
    let pool = make(client, "scaled", json!({"language": "py", "size": 1, "limits": {"memory": "64Mi"}})).await;
    settled(client, "scaled", 1).await;
    let kubectl_in = |arguments: &[&str]| kubectl(&[arguments, &["--namespace", RUN_NAMESPACE]].concat());
    kubectl_in(&["scale", "pool/scaled", "--replicas=3"]);
    assert_eq!(settled(client, "scaled", 3).await.len(), 3);
    let table = kubectl_in(&["get", "pools"]);
    let columns: Vec<&str> = table.lines().next().expect("a head").split_whitespace().collect();
    assert_eq!(columns, ["NAME", "LANGUAGE", "WANTED", "READY", "CLAIMED", "REASON", "AGE"]);
    let row = table.lines().find(|line| line.starts_with("scaled")).expect("a row");
    assert_eq!(row.split_whitespace().take(6).collect::<Vec<_>>(), ["scaled", "py", "3", "3", "0", "AllReady"]);
    kubectl_in(&["scale", "pool/scaled", "--replicas=0"]);
    assert_eq!(settled(client, "scaled", 0).await.len(), 0);
    kubectl_in(&["scale", "pool/scaled", "--replicas=1"]);
    settled(client, "scaled", 1).await;

    // The smallest pod that will do.
    let small = json!({"language": "python", "code": "print(1)", "limits": {"memory": "64Mi"}});
    let run = scenario.run("small", small).await;
    assert!(ended(&run, Outcome::Completed).pod_name.as_deref().is_some_and(|pod| pod.starts_with("scaled-")));
    drop(pool);
    until("the end of its pods", async || pods(client, "scaled").await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_can_not_be_is_told_why_and_refused_where_that_can_be_seen() {
    let scenario = Scenario::new("wrong").await;
    let client = &scenario.client;
    let _pool = make(client, "klingon", json!({"language": "klingon", "size": 1})).await;
    let message = reason(client, "klingon", "UnknownLanguage").await;
    assert!(message.contains("python"), "{message}");
    for (spec, word) in [
        (json!({"language": "python", "size": 1, "minFree": 2}), "minFree"),
        (json!({"language": "python", "size": -1}), "size"),
        (json!({"language": "python", "size": 1, "limits": {"memory": "much"}}), "memory"),
        (json!({"language": "Not One", "size": 1}), "language"),
    ] {
        let pool = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Pool", "metadata": {"name": "wrong",
            "namespace": RUN_NAMESPACE}, "spec": spec});
        let refusal = locus_e2e::tools::apply(&pool, &[]).expect_err("it is refused");
        assert!(refusal.contains(word), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_image_is_tried_with_one_pod_and_good_ones_replace_it_one_by_one() {
    let scenario = Scenario::new("image").await;
    let client = &scenario.client;
    let image = "locus/no-such-image:missing";
    let memory = json!({"memory": "80Mi"});
    let _pool =
        make(client, "renewed", json!({"language": "python", "size": 2, "image": image, "limits": memory})).await;
    let message = reason(client, "renewed", "ImagePullFailed").await;
    assert!(message.contains(image), "{message}");
    sleep(Duration::from_secs(5)).await;
    let tried = pods(client, "renewed").await;
    assert!(tried.len() <= 2, "{:?}", names(&tried));

    let set = async |image: &str| {
        let patch = Patch::Merge(json!({"spec": {"image": image}}));
        pools(client).patch("renewed", &PatchParams::default(), &patch).await.expect("a pool can be changed");
    };
    set("locus/runner-python:dev").await;
    let old = names(&settled(client, "renewed", 2).await);
    // The same image by its full name.
    set("docker.io/locus/runner-python:dev").await;
    let new = until("new pods", async || {
        let now = pods(client, "renewed").await;
        let waits = now
            .iter()
            .filter(|pod| pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Running")));
        assert!(waits.count() >= 2, "some always wait");
        (now.len() == 2 && names(&now).iter().all(|name| !old.contains(name))).then_some(now)
    })
    .await;
    assert_eq!(new.len(), 2);
    // A bad one again leaves the good ones waiting.
    set(image).await;
    reason(client, "renewed", "ImagePullFailed").await;
    let run = json!({"language": "python", "code": "print(1)", "limits": {"memory": "80Mi"}});
    let run = scenario.run("still", run).await;
    let _ = ended(&run, Outcome::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_of_one_namespace_do_not_hold_up_the_one_of_another() {
    let many = Scenario::new("many").await;
    let one = Scenario::new("one").await;
    settled(&many.client, "python", 2).await;
    let names: Vec<String> = (0..60).map(|index| format!("run-{index}")).collect();
    join_all(names.iter().map(|name| many.create(name, python(&format!("print('{name}')"))))).await;
    let late = one.run("late", python("print('late')")).await;
    let _ = ended(&late, Outcome::Completed);
    let finished_before = {
        let runs = many.runs().list(&ListParams::default()).await.expect("coderuns can be listed").items;
        runs.iter().filter(|run| status(run).outcome.is_some()).count()
    };
    assert!(finished_before < 30, "it came last and had its turn after {finished_before} of 60");
    let runs: Vec<CodeRun> = join_all(names.iter().map(|name| many.finished(name))).await;
    let mut pods = BTreeMap::new();
    let mut queued = 0;
    for (name, run) in names.iter().zip(&runs) {
        let status = ended(run, Outcome::Completed);
        assert_eq!(status.stdout, Some(format!("{name}\n")));
        *pods.entry(status.pod_uid.clone()).or_insert(0) += 1;
        let wait = status
            .start_time
            .as_ref()
            .expect("it started")
            .0
            .duration_since(run.creation_timestamp().expect("it was made").0);
        queued += u32::from(wait.as_secs() >= 2);
    }
    assert!(pods.values().all(|count| *count == 1), "each has a pod of its own");
    assert!(queued > 0, "with 8 pods on their way at a time some wait");
    settled(&many.client, "python", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_operators_one_works_and_when_it_dies_the_other_goes_on() {
    let scenario = Scenario::new("two").await;
    let client = &scenario.client;
    let scale = |replicas: &str| {
        let replicas = format!("--replicas={replicas}");
        kubectl(&["scale", &format!("deployment/{OPERATOR}"), &replicas, "--namespace", RELEASE_NAMESPACE]);
    };
    scale("2");
    rolled_out(OPERATOR);
    let _one_again = Undo::new(|| {
        let arguments = ["scale", &format!("deployment/{OPERATOR}"), "--replicas=1", "--namespace", RELEASE_NAMESPACE];
        if let Err(error) = try_kubectl(&arguments) {
            eprintln!("the operator is left with two replicas: {error}");
        }
    });
    let holder = || {
        kubectl(&[
            "get",
            "lease",
            "locus-operator",
            "--namespace",
            RUN_NAMESPACE,
            "--output",
            "jsonpath={.spec.holderIdentity}",
        ])
    };
    let first = holder();
    let operators: Api<Pod> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let before = Timestamp::now();
    let mut seen = Vec::new();
    for index in 0..6 {
        let created =
            scenario.create(&format!("run-{index}"), python("import time\ntime.sleep(1)\nprint('once')")).await;
        seen.push(PodsSeen::of(client, &created));
        if index == 2 {
            operators.delete(&first, &DeleteParams::default().grace_period(0)).await.expect("a pod can be deleted");
        }
    }
    for (index, seen) in seen.iter().enumerate() {
        let run = scenario.finished(&format!("run-{index}")).await;
        assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("once\n"));
        assert_eq!(seen.count().await, 1);
    }
    eprintln!("six runs over the death of a leader: {} s", Timestamp::now().duration_since(before).as_secs());
    assert_ne!(holder(), first);
    assert!(pods_of(client, OPERATOR).await.expect("operators").iter().any(is_ready));
}
