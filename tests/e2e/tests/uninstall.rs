//! What is left when Locus is removed: the CRDs, and with them every `CodeRun`.

use std::collections::BTreeSet;

use locus_core::Outcome;
use locus_e2e::Scenario;
use locus_e2e::cluster::{RELEASE, RELEASE_NAMESPACE, RUN_NAMESPACE, until};
use locus_e2e::scenario::{ended, status};
use locus_e2e::tools::{helm, kubectl};
use serde_json::json;

const CRDS: [&str; 3] = [
    "customresourcedefinition.apiextensions.k8s.io/coderuns.locus.dev",
    "customresourcedefinition.apiextensions.k8s.io/languages.locus.dev",
    "customresourcedefinition.apiextensions.k8s.io/pools.locus.dev",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "removes the release: run last"]
async fn uninstalling_the_release_leaves_the_crds_and_the_coderuns_only() {
    let scenario = Scenario::new("uninstall").await;
    let run = scenario.run("kept", json!({"language": "python", "code": "print(1)"})).await;
    let before = ended(&run, Outcome::Completed);
    let labelled = left_with_the_label(&kinds(true), &kinds(false));
    assert!(labelled.len() > 5, "the release's objects have its label: {labelled:?}");

    helm(&["uninstall", RELEASE, "--wait", "--timeout", "240s"]);
    let (cluster_wide, namespaced) = (kinds(false), kinds(true));
    until("the end of the run namespace", async || {
        let arguments = ["get", "namespace", RUN_NAMESPACE, "--ignore-not-found", "--output", "name"];
        kubectl(&arguments).trim().is_empty().then_some(())
    })
    .await;
    let nothing_but_the_crds = async || {
        let mut left = left_with_the_label(&namespaced, &cluster_wide);
        left.extend(left_with_its_name(&namespaced, &cluster_wide));
        for crd in CRDS {
            left.remove(crd);
        }
        eprintln!("left: {left:?}");
        left.is_empty().then_some(())
    };
    until("the end of all objects but the CRDs", nothing_but_the_crds).await;

    let crds = ["coderuns.locus.dev", "languages.locus.dev", "pools.locus.dev"];
    let kept = kubectl(&[&["get", "crd"], &crds[..], &["--output", "name"]].concat());
    assert_eq!(kept.lines().collect::<Vec<_>>(), CRDS);
    // The operator's own go with nobody: one that is installed again takes them up.
    assert!(kubectl(&["get", "languages", "--output", "name"]).contains("language.locus.dev/python"));
    let run = scenario.runs().get("kept").await.expect("the coderun is kept");
    assert_eq!(status(&run), before);
}

/// The kinds of objects that the cluster knows, comma-separated.
fn kinds(namespaced: bool) -> String {
    let list = kubectl(&["api-resources", "--verbs=list", &format!("--namespaced={namespaced}"), "--output", "name"]);
    // Events tell of what was there; metrics are no objects.
    let kinds = list.lines().filter(|kind| !kind.starts_with("events") && !kind.ends_with("metrics.k8s.io"));
    kinds.collect::<Vec<_>>().join(",")
}

/// Objects that say they are of the release.
fn left_with_the_label(namespaced: &str, cluster_wide: &str) -> BTreeSet<String> {
    let label = format!("app.kubernetes.io/instance={RELEASE}");
    let names = |kinds: &str| kubectl(&["get", kinds, "--all-namespaces", "--selector", &label, "--output", "name"]);
    [namespaced, cluster_wide].map(names).iter().flat_map(|list| list.lines()).map(str::to_owned).collect()
}

/// Objects that are called as the release's are, whether or not they have its label: Leases and Secrets that a
/// program made, for example. The cluster's own node may be called alike, and `CodeRuns` are to stay.
fn left_with_its_name(namespaced: &str, cluster_wide: &str) -> BTreeSet<String> {
    let objects = kubectl(&["get", namespaced, "--namespace", RELEASE_NAMESPACE, "--output", "name"])
        + &kubectl(&["get", cluster_wide, "--output", "name"]);
    let ours = |object: &&str| {
        let (kind, name) = object.split_once('/').unwrap_or_default();
        (name == RELEASE || name.starts_with("locus-"))
            && !["node", "csinode.storage.k8s.io", "coderun.locus.dev"].contains(&kind)
    };
    objects.lines().filter(ours).map(str::to_owned).collect()
}
