//! From a CodeRun to its pod. The pod knows nothing of the program: code arrives over the runner's HTTP.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, LocalObjectReference,
    ObjectFieldSelector, Pod, PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext,
    Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;
use locus_api::labels;
use locus_core::cases::KEPT_BYTES_MAX;
use locus_core::{Limits, Standby};

use crate::config::Config;
use crate::plan::TESTS_SECONDS;

/// The port that runners listen on.
pub const RUNNER_PORT: u16 = 7070;

/// Memory that the runner itself may need beside the run, in bytes.
const RUNNER_BYTES: u64 = 32 << 20;

/// Seconds after which a pod leaves a node that does not answer.
const UNREACHABLE_SECONDS: i64 = 30;

/// What a pod is made for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// One CodeRun.
    Run {
        /// The CodeRun's UID.
        uid: &'a str,
        /// The CodeRun's namespace.
        namespace: &'a str,
        /// The CodeRun's name.
        name: &'a str,
    },
    /// Whatever run takes it first.
    Pool {
        /// The pool's name.
        pool: &'a str,
        /// The pod's name.
        pod: &'a str,
    },
}

/// What a pod is made from.
#[derive(Debug, Clone, Copy)]
pub struct PodRequest<'a> {
    /// What it is for.
    pub purpose: Purpose<'a>,
    /// The runner image.
    pub image: &'a str,
    /// Limits that have room for all steps of the run.
    pub limits: Limits,
    /// Whether a run with tests may come: for each of them its runner puts back the work folder, from its own memory.
    pub with_tests: bool,
    /// The user id that is the pod's own.
    pub user: i64,
    /// The public keys that the runner accepts tokens of.
    pub public_keys: &'a str,
    /// What the runner holds ready before it has its run: of the language, never of a run.
    pub standby: &'a Standby,
}

/// The name of the pod that is made for a run. It is derived from the UID, so that two operators, or one that forgot,
/// can't make two pods for a run.
#[must_use]
pub fn name(run_uid: &str) -> String {
    format!("run-{run_uid}")
}

/// The pod.
#[must_use]
pub fn build(request: PodRequest<'_>, config: &Config) -> Pod {
    let mut labels = map([(labels::MANAGED_BY, labels::OPERATOR), (labels::COMPONENT, labels::RUNNER)]);
    let mut annotations = map([
        (labels::PUBLIC_KEY, request.public_keys),
        // A run can't be moved: an autoscaler that removes its node would end it.
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
    ]);
    if !config.reader_keys.is_empty() {
        annotations.extend(map([(labels::READER_KEYS, &config.reader_keys.join(","))]));
    }
    let name = match request.purpose {
        Purpose::Run { uid, namespace, name: run } => {
            labels.extend(map([(labels::CODERUN_UID, uid), (labels::CODERUN_NAMESPACE, namespace)]));
            annotations.extend(map([(labels::CODERUN_NAME, run)]));
            name(uid)
        }
        Purpose::Pool { pool, pod } => {
            let template = template(request.image, request.limits, request.public_keys, request.standby, config);
            labels.extend(map([(labels::POOL, pool), (labels::TEMPLATE, &template)]));
            pod.to_owned()
        }
    };
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(config.run_namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: Some(spec(request, config)),
        status: None,
    }
}

/// The image that a pod runs.
#[must_use]
pub fn image(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.containers.first()?.image.as_deref()
}

/// What the pods of a pool are made from, in a few letters: the same for all that differ in name and user only.
///
/// # Panics
/// Never: a pod's spec serializes.
#[must_use]
pub fn template(image: &str, limits: Limits, public_keys: &str, standby: &Standby, config: &Config) -> String {
    let purpose = Purpose::Pool { pool: "", pod: "" };
    let spec = spec(PodRequest { purpose, image, limits, with_tests: true, user: 0, public_keys, standby }, config);
    let text = serde_json::to_vec(&spec).expect("a pod's spec serializes");
    short_digest(&text)
}

/// A few letters that are the same for the same bytes, and other ones for others.
#[must_use]
pub fn short_digest(bytes: &[u8]) -> String {
    let mut digest = locus_core::token::body_digest(bytes);
    digest.truncate(16);
    digest
}

fn spec(request: PodRequest<'_>, config: &Config) -> PodSpec {
    let settings = &config.pod;
    let secret = |name: &String| LocalObjectReference { name: name.clone() };
    PodSpec {
        containers: vec![container(request, config)],
        restart_policy: Some("Never".into()),
        // The runner keeps the run's own deadline; this one ends a pod whose runner or operator is gone.
        active_deadline_seconds: Some(
            waiting_seconds(request.purpose, config)
                + i64::from(config.pod_start_seconds)
                + i64::from(request.limits.timeout_seconds.rounded_up())
                + i64::from(config.retention.linger_seconds),
        ),
        termination_grace_period_seconds: Some(1),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        service_account_name: non_empty(&settings.service_account_name),
        dns_policy: Some("Default".into()),
        hostname: Some("locus".into()),
        image_pull_secrets: Some(settings.image_pull_secrets.iter().map(secret).collect()),
        node_selector: Some(settings.node_selector.clone()),
        priority_class_name: non_empty(&settings.priority_class_name),
        runtime_class_name: non_empty(&settings.runtime_class_name),
        tolerations: Some(settings.tolerations.iter().cloned().chain(unreachable_tolerations()).collect()),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(request.user),
            run_as_group: Some(request.user),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        volumes: Some(vec![memory_volume("work", settings.tmp_bytes), memory_volume("tmp", settings.tmp_bytes)]),
        ..PodSpec::default()
    }
}

/// Seconds that a pod may wait for a run, and that a run with many tests may take over what its limits say.
fn waiting_seconds(purpose: Purpose<'_>, config: &Config) -> i64 {
    match purpose {
        Purpose::Run { .. } => 0,
        Purpose::Pool { .. } => i64::from(config.retention.waiting_pod_seconds) + i64::from(TESTS_SECONDS),
    }
}

fn container(request: PodRequest<'_>, config: &Config) -> Container {
    let settings = &config.pod;
    let standby = serde_json::to_string(request.standby).expect("names and numbers serialize");
    // The kubelet would put a variable of its own in place of $(NAME); $$ stands for $.
    let standby = standby.replace('$', "$$");
    let kept = if request.with_tests { settings.tmp_bytes.min(KEPT_BYTES_MAX) } else { 0 };
    let memory = request.limits.memory_bytes + 2 * settings.tmp_bytes + kept + RUNNER_BYTES;
    let mount =
        |name: &str, path: &str| VolumeMount { name: name.into(), mount_path: path.into(), ..VolumeMount::default() };
    let mut env = vec![
        EnvVar {
            name: "LOCUS_POD_UID".into(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector { field_path: "metadata.uid".into(), api_version: None }),
                ..EnvVarSource::default()
            }),
            value: None,
        },
        variable("LOCUS_PUBLIC_KEYS", request.public_keys.into()),
        variable("LOCUS_LINGER_SECONDS", config.retention.linger_seconds.to_string()),
        variable("LOCUS_STANDBY", standby),
    ];
    if !config.reader_keys.is_empty() {
        env.push(variable("LOCUS_READER_KEYS", config.reader_keys.join(",")));
    }
    Container {
        name: "runner".into(),
        image: Some(request.image.into()),
        image_pull_policy: non_empty(&settings.image_pull_policy),
        ports: Some(vec![ContainerPort {
            name: Some("runner".into()),
            container_port: RUNNER_PORT.into(),
            ..ContainerPort::default()
        }]),
        env: Some(env),
        resources: Some(ResourceRequirements {
            requests: Some(quantities([("cpu", &settings.cpu_request), ("memory", &settings.memory_request)])),
            limits: Some(quantities([("cpu", &settings.cpu_limit), ("memory", &memory.to_string())])),
            claims: None,
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![mount("work", "/work"), mount("tmp", "/tmp")]),
        ..Container::default()
    }
}

/// Without these a pod waits five minutes on a dead node, and its run with it.
fn unreachable_tolerations() -> impl Iterator<Item = Toleration> {
    ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"].into_iter().map(|key| Toleration {
        key: Some(key.into()),
        operator: Some("Exists".into()),
        effect: Some("NoExecute".into()),
        toleration_seconds: Some(UNREACHABLE_SECONDS),
        value: None,
    })
}

fn memory_volume(name: &str, bytes: u64) -> Volume {
    Volume {
        name: name.into(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".into()),
            size_limit: Some(Quantity(bytes.to_string())),
        }),
        ..Volume::default()
    }
}

fn variable(name: &str, value: String) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value), value_from: None }
}

fn non_empty(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn quantities<const N: usize>(pairs: [(&str, &String); N]) -> BTreeMap<String, Quantity> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), Quantity(value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use locus_core::{Limits, Network, Standby};

    use super::{PodRequest, Purpose, build};
    use crate::config::Config;

    fn pod(config: &Config) -> serde_json::Value {
        build_for(Purpose::Run { uid: "u1", namespace: "team", name: "hello" }, false, config)
    }

    fn build_for(purpose: Purpose<'_>, with_tests: bool, config: &Config) -> serde_json::Value {
        let program = locus_languages::all()[0].program();
        let standby = Standby { program, limits: Limits::DEFAULT, network: Network::None };
        let request = PodRequest {
            purpose,
            image: "image:1",
            limits: Limits::DEFAULT,
            with_tests,
            user: 100_007,
            public_keys: "key",
            standby: &standby,
        };
        serde_json::to_value(build(request, config)).expect("a pod serializes")
    }

    #[test]
    fn the_pod_meets_the_restricted_pod_security_standard() {
        let pod = pod(&Config::default());
        let spec = &pod["spec"];
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
        assert_eq!(spec["securityContext"]["runAsUser"], 100_007);
        assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["enableServiceLinks"], false);
        assert_eq!(spec["restartPolicy"], "Never");
        let container = &spec["containers"][0]["securityContext"];
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["capabilities"]["drop"][0], "ALL");
    }

    #[test]
    fn the_pod_is_bounded_in_time_memory_and_disk() {
        let pod = pod(&Config::default());
        let spec = &pod["spec"];
        assert_eq!(spec["activeDeadlineSeconds"], 300 + 30 + 3600);
        let memory = (256 + 2 * 64 + 32) << 20;
        assert_eq!(spec["containers"][0]["resources"]["limits"]["memory"], memory.to_string());
        for volume in spec["volumes"].as_array().expect("the pod has volumes") {
            assert_eq!(volume["emptyDir"]["medium"], "Memory");
            assert_eq!(volume["emptyDir"]["sizeLimit"], (64 << 20).to_string());
        }
    }

    #[test]
    fn a_pod_that_tests_may_come_to_has_memory_for_what_its_runner_keeps() {
        let run = Purpose::Run { uid: "u1", namespace: "team", name: "hello" };
        let memory = |config: &Config| {
            let pod = build_for(run, true, config);
            pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
                .as_str()
                .and_then(|text| text.parse::<u64>().ok())
        };
        let mut config = Config::default();
        assert_eq!(memory(&config), Some((256 + 3 * 64 + 32) << 20));
        config.pod.tmp_bytes = 8 << 20;
        assert_eq!(memory(&config), Some((256 + 3 * 8 + 32) << 20), "the folder holds no more");
        config.pod.tmp_bytes = 256 << 20;
        assert_eq!(memory(&config), Some((256 + 2 * 256 + 64 + 32) << 20), "the runner keeps no more");
    }

    #[test]
    fn settings_reach_the_pod_and_empty_ones_stay_out() {
        let mut config = Config::default();
        assert!(pod(&config)["spec"].get("runtimeClassName").is_none());
        config.pod.runtime_class_name = "gvisor".into();
        config.pod.priority_class_name = "low".into();
        config.pod.image_pull_secrets = vec!["registry".into()];
        let pod = pod(&config);
        assert_eq!(pod["spec"]["runtimeClassName"], "gvisor");
        assert_eq!(pod["spec"]["priorityClassName"], "low");
        assert_eq!(pod["spec"]["imagePullSecrets"][0]["name"], "registry");
    }

    #[test]
    fn readers_keys_reach_the_pod_where_there_are_some() {
        let mut config = Config::default();
        let keys = |pod: &serde_json::Value| {
            let env = pod["spec"]["containers"][0]["env"].as_array().cloned().unwrap_or_default();
            let value = env.into_iter().find(|variable| variable["name"] == "LOCUS_READER_KEYS");
            value.map(|variable| variable["value"].clone())
        };
        assert_eq!(keys(&pod(&config)), None);
        config.reader_keys = vec!["a".into(), "b".into()];
        let pod = pod(&config);
        assert_eq!(keys(&pod), Some("a,b".into()));
        assert_eq!(pod["metadata"]["annotations"]["locus.dev/reader-keys"], "a,b");
    }

    #[test]
    fn the_pod_names_its_run_and_nothing_of_its_program() {
        let pod = pod(&Config::default());
        assert_eq!(pod["metadata"]["name"], "run-u1");
        assert_eq!(pod["metadata"]["labels"]["locus.dev/coderun-uid"], "u1");
        assert_eq!(pod["metadata"]["labels"]["locus.dev/coderun-namespace"], "team");
        assert_eq!(pod["metadata"]["annotations"]["locus.dev/coderun-name"], "hello");
    }

    #[test]
    fn a_pod_of_a_pool_names_no_run_and_tells_when_it_is_made_from_something_else() {
        let mut config = Config::default();
        let pool = |config: &Config, pod| build_for(Purpose::Pool { pool: "python", pod }, true, config);
        let (one, other) = (pool(&config, "python-a"), pool(&config, "python-b"));
        let label = |pod: &serde_json::Value, name: &str| pod["metadata"]["labels"][name].clone();
        assert_eq!(label(&one, "locus.dev/pool"), "python");
        assert!(!one.to_string().contains("coderun"));
        assert_eq!(label(&one, "locus.dev/template"), label(&other, "locus.dev/template"));
        // A run with many tests may take an hour.
        assert_eq!(one["spec"]["activeDeadlineSeconds"], 86_400 + 3600 + 300 + 30 + 3600);
        config.pod.cpu_limit = "2".into();
        assert_ne!(label(&pool(&config, "python-a"), "locus.dev/template"), label(&one, "locus.dev/template"));
    }
}
