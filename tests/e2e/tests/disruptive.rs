//! What the whole cluster notices: an operator that dies or is elsewhere, a full quota, a policy, a broken image.
//! These tests run one at a time.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use locus_api::{Phase, labels};
use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::cluster::{OPERATOR, RELEASE, RELEASE_NAMESPACE, RUN_NAMESPACE, is_ready, pods_of, repository, until};
use locus_e2e::pods::{PodsSeen, run_pods};
use locus_e2e::scenario::{condition, ended, status};
use locus_e2e::tools::{Undo, apply, helm, kubectl, rolled_out, try_helm, try_kubectl};
use serde_json::{Value, json};
use tokio::time::sleep;

/// A program that is still busy when the operator has gone.
const SLOW: &str = "import time\ntime.sleep(5)\nprint('once')";

fn python(code: &str) -> Value {
    json!({"language": "python", "code": code})
}

/// The same in a pod of its own: those of the pool have less memory.
fn python_in_a_new_pod(code: &str) -> Value {
    json!({"language": "python", "code": code, "limits": {"memory": "300Mi"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_operator_is_killed_completes_exactly_once() {
    let scenario = Scenario::new("killed").await;
    let created = scenario.create("killed", python(SLOW)).await;
    let seen = PodsSeen::of(&scenario.client, &created);
    let run = scenario.running("killed").await;
    sleep(Duration::from_secs(1)).await;
    kill_operator(&scenario.client).await;

    let finished = scenario.finished("killed").await;
    assert_eq!(ended(&finished, Outcome::Completed).stdout.as_deref(), Some("once\n"));
    assert_eq!(status(&finished).pod_uid, status(&run).pod_uid, "the claim stands");
    assert_eq!(seen.count().await, 1);
    rolled_out(OPERATOR);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_whose_operator_is_killed_again_and_again_all_complete_once() {
    let scenario = Scenario::new("storm").await;
    let names: Vec<String> = (0..8).map(|index| format!("run-{index}")).collect();
    let mut seen = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let created = scenario.create(name, python(&format!("import time\ntime.sleep(2)\nprint('{name}')"))).await;
        seen.push(PodsSeen::of(&scenario.client, &created));
        if index % 3 == 2 {
            kill_operator(&scenario.client).await;
            rolled_out(OPERATOR);
        }
    }
    for (name, seen) in names.iter().zip(seen) {
        let run = scenario.finished(name).await;
        assert_eq!(ended(&run, Outcome::Completed).stdout, Some(format!("{name}\n")));
        assert_eq!(seen.count().await, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_waits_for_an_operator_that_is_away() {
    let scenario = Scenario::new("away").await;
    let created = scenario.create("away", python(SLOW)).await;
    let seen = PodsSeen::of(&scenario.client, &created);
    scenario.running("away").await;
    sleep(Duration::from_secs(1)).await;
    let back = send_operator_away(&scenario.client).await;
    sleep(Duration::from_secs(6)).await;
    let run = scenario.runs().get("away").await.expect("the coderun stands");
    assert_eq!(status(&run).phase, Some(Phase::Running), "nobody is there to tell the result");
    drop(back);

    let run = scenario.finished("away").await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("once\n"));
    assert_eq!(seen.count().await, 1);
    rolled_out(OPERATOR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_outside_the_cluster_completes_a_run() {
    let scenario = Scenario::new("outside").await;
    let back = send_operator_away(&scenario.client).await;
    scenario.create("outside", python("import sys\nprint(sys.stdin.read() * 1000)")).await;

    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    };
    let kubeconfig = kubectl(&["config", "view", "--minify", "--flatten", "--raw", "--output", "yaml"]);
    let mut operator = Command::new(operator_binary())
        .arg("--config")
        .arg(file("config.yaml", &format!("runNamespace: {RUN_NAMESPACE}\n")))
        .arg("--signing-key")
        .arg(folder.path().join("signing-key.pem"))
        .args(["--listen", "127.0.0.1:0"])
        .env("KUBECONFIG", file("kubeconfig.yaml", &kubeconfig))
        .env_remove("KUBERNETES_SERVICE_HOST")
        .stdin(Stdio::null())
        .spawn()
        .expect("the operator starts");
    let stopped = Undo::new(move || {
        let _ = operator.kill().and_then(|()| operator.wait());
    });

    scenario.create("second", json!({"language": "python", "code": "print(input())", "stdin": "in"})).await;
    let run = scenario.finished("outside").await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("\n"));
    let run = scenario.finished("second").await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("in\n"));
    drop(stopped);
    drop(back);
    rolled_out(OPERATOR);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_a_policy_denies_ends_the_run_with_the_policys_own_words() {
    let scenario = Scenario::new("denied").await;
    let name = scenario.namespace.clone();
    let words = "no pods for this team before noon";
    let rule = format!(
        "!has(object.metadata.labels) || !('team' in object.metadata.labels) || \
         object.metadata.labels['team'] != '{name}'"
    )
    .replace("'team'", &format!("'{}'", labels::CODERUN_NAMESPACE));
    let pods = json!({"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]});
    let api_version = "admissionregistration.k8s.io/v1";
    let policy = json!({
        "apiVersion": api_version,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [pods]},
            "validations": [{"expression": rule, "message": words}]
        }
    });
    let binding = json!({
        "apiVersion": api_version,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]}
    });
    let _removed = Undo::new(|| {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        report(try_kubectl(&["delete", kinds, &name]));
    });
    apply(&json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}), &[]).expect("a policy is made");
    denied(&scenario, words).await;

    let run = scenario.run("denied", python_in_a_new_pod("print(1)")).await;
    let error = ended(&run, Outcome::PodRejected).error.clone().unwrap_or_default();
    assert!(error.contains(words), "{error}");
    assert_eq!(status(&run).pod_uid, None);
}

/// Waits until the policy is in force: a pod like the run's is refused by it.
async fn denied(scenario: &Scenario, words: &str) {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "try", "labels": {labels::CODERUN_NAMESPACE: scenario.namespace}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "try",
                "image": "try",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}
            }]
        }
    }))
    .expect("a pod");
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    until("the policy's force", async || {
        let answer = run_pods(&scenario.client).create(&dry_run, &pod).await;
        answer.is_err_and(|error| error.to_string().contains(words)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_while_the_quota_is_full_and_then_completes() {
    let scenario = Scenario::new("quota").await;
    let quotas: Api<ResourceQuota> = Api::namespaced(scenario.client.clone(), RUN_NAMESPACE);
    let name = scenario.namespace.clone();
    let quota = serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"hard": {"pods": "0"}}}));
    let removed = Undo::new(|| report(try_kubectl(&["delete", "resourcequota", &name, "--namespace", RUN_NAMESPACE])));
    quotas.create(&PostParams::default(), &quota.expect("a quota")).await.expect("a quota can be made");
    until("the quota's force", async || {
        let quota = quotas.get(&name).await.expect("the quota stands");
        quota.status.and_then(|status| status.hard).map(drop)
    })
    .await;

    scenario.create("queued", python_in_a_new_pod("print('at last')")).await;
    let queued = scenario
        .when("queued", "the queueing", |status| {
            status.outcome.is_some() || status.conditions.iter().any(|condition| condition.reason == "Queued")
        })
        .await;
    assert_eq!(status(&queued).phase, Some(Phase::Pending), "{:?}", condition(&queued));
    let message = condition(&queued).map(|condition| condition.message.clone()).unwrap_or_default();
    assert!(message.contains("quota"), "{message}");
    drop(removed);

    let run = scenario.finished("queued").await;
    assert_eq!(ended(&run, Outcome::Completed).stdout.as_deref(), Some("at last\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_can_not_be_pulled_is_named() {
    let scenario = Scenario::new("image").await;
    let image = "locus/no-such-image:missing";
    let chart = repository().join("charts/locus");
    let chart = chart.to_str().expect("the path is text");
    let restored = Undo::new(|| {
        report(try_helm(&["rollback", RELEASE, "--wait", "--timeout", "240s"]));
    });
    let value = format!("{PYTHON_IMAGE_VALUE}={image}");
    helm(&["upgrade", RELEASE, chart, "--reuse-values", "--set-string", &value, "--wait", "--timeout", "240s"]);
    rolled_out(OPERATOR);

    let run = scenario.run("image", python_in_a_new_pod("print(1)")).await;
    let error = ended(&run, Outcome::ImagePullFailed).error.clone().unwrap_or_default();
    assert!(error.contains(image), "{error}");
    drop(restored);
    rolled_out(OPERATOR);
    let run = scenario.run("again", python("print(1)")).await;
    let _ = ended(&run, Outcome::Completed);
}

/// The chart's value that names the image of python.
const PYTHON_IMAGE_VALUE: &str = "images.runners.python";

/// Ends all operator pods as a crash of their node would: without a word.
async fn kill_operator(client: &Client) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let running = pods_of(client, OPERATOR).await.expect("the release has an operator");
    assert!(running.iter().any(is_ready), "an operator is there to be killed");
    for pod in running {
        pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.expect("a pod can be deleted");
    }
}

/// Scales the operator to nothing until the value that this gives is dropped.
async fn send_operator_away(client: &Client) -> Undo<impl FnMut() + use<>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let deployment = deployments.get(OPERATOR).await.expect("the release has an operator");
    let replicas = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let back = Undo::new(move || report(scale(replicas)));
    scale(0).expect("the operator can be scaled");
    until("the operator's end", async || {
        let pods = pods_of(client, OPERATOR).await.expect("pods can be listed");
        pods.is_empty().then_some(())
    })
    .await;
    back
}

fn scale(replicas: i32) -> Result<String, String> {
    let name = format!("deployment/{OPERATOR}");
    try_kubectl(&["scale", &name, "--namespace", RELEASE_NAMESPACE, &format!("--replicas={replicas}")])
}

/// The operator of this machine: the one that `LOCUS_OPERATOR_BIN` names, else a fresh build.
fn operator_binary() -> PathBuf {
    if let Some(binary) = env::var_os("LOCUS_OPERATOR_BIN") {
        return binary.into();
    }
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--package", "locus-operator"]).current_dir(repository());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo starts").success(), "the operator builds");
    // This test lies in the `deps` folder below the place of binaries.
    let test = env::current_exe().expect("a test knows its own file");
    test.ancestors().nth(2).expect("it lies in a folder").join("locus-operator")
}

/// Tells when something could not be undone, without hiding why the test failed.
fn report(result: Result<String, String>) {
    if let Err(error) = result {
        eprintln!("not undone: {error}");
    }
}
