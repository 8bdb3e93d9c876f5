//! The cluster under test, and waiting for it.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use tokio::time::{sleep, timeout};

/// The Helm release.
pub const RELEASE: &str = "locus";
/// The namespace that it was installed in.
pub const RELEASE_NAMESPACE: &str = "default";
/// The Deployment of the operator.
pub const OPERATOR: &str = "locus-operator";
/// The Deployment and the Service of the front door.
pub const FRONT_DOOR: &str = "locus-api";
/// The namespace that run pods live in.
pub const RUN_NAMESPACE: &str = "locus-runs";

/// The longest that anything takes which a test waits for. A slow machine is not a failure, a lost run is.
pub const BOUND: Duration = Duration::from_secs(240);

/// The kubeconfig context of the cluster under test.
#[must_use]
pub fn context() -> String {
    env::var("LOCUS_E2E_CONTEXT").unwrap_or_else(|_| "kind-locus-e2e".into())
}

/// The kind cluster behind that context, to load images on.
#[must_use]
pub fn kind_cluster() -> String {
    let context = context();
    let cluster = context.strip_prefix("kind-").map(str::to_owned);
    cluster.unwrap_or_else(|| panic!("{context} is not the context of a kind cluster, which images are loaded on"))
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A client of the cluster under test. Without a cluster the test fails at once and says what is missing.
pub async fn client() -> Client {
    let context = context();
    let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
    let config = match Config::from_kubeconfig(&options).await {
        Ok(config) => config,
        Err(error) => panic!(
            "there is no kubeconfig context {context:?} to test against ({error}): start tests/run, or name another \
             context in LOCUS_E2E_CONTEXT"
        ),
    };
    let client = Client::try_from(config).expect("a kubeconfig makes a client");
    match timeout(Duration::from_secs(15), client.apiserver_version()).await {
        Ok(Ok(_)) => client,
        Ok(Err(error)) => panic!("the cluster of kubeconfig context {context:?} does not answer: {error}"),
        Err(elapsed) => panic!("the cluster of kubeconfig context {context:?} does not answer within 15 s: {elapsed}"),
    }
}

/// Looks again and again until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let watch = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    within(what, watch).await
}

/// Waits for what must happen within [`BOUND`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let value = timeout(BOUND, future).await;
    value.unwrap_or_else(|_| panic!("{what} did not happen within {} s", BOUND.as_secs()))
}

/// The pods of a Deployment of the release.
///
/// # Errors
/// When there is no such Deployment, or the API server does not answer.
pub async fn pods_of(client: &Client, deployment: &str) -> kube::Result<Vec<Pod>> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    let selector = deployments.get(deployment).await?.spec.map(|spec| spec.selector);
    pods_with(client, selector.and_then(|selector| selector.match_labels).unwrap_or_default()).await
}

/// The release's pods that have all of these labels.
///
/// # Errors
/// When the API server does not answer.
pub async fn pods_with(client: &Client, labels: BTreeMap<String, String>) -> kube::Result<Vec<Pod>> {
    let labels: Vec<String> = labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods: Api<Pod> = Api::namespaced(client.clone(), RELEASE_NAMESPACE);
    Ok(pods.list(&ListParams::default().labels(&labels.join(","))).await?.items)
}

/// Whether a pod has the condition Ready and is not about to go.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}
