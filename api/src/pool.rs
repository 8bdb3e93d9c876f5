//! `Pool`: pods that wait for the runs of a language.
#![allow(clippy::duplicated_attributes, reason = "two columns of a table may be of one type")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt as _, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::coderun::without_number_formats;

/// The type of the one condition of a Pool and of a Language.
pub const READY: &str = "Ready";

/// Which pods wait, and how many. Pools stand in the namespace of the run pods.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "locus.dev",
    version = "v1alpha1",
    kind = "Pool",
    plural = "pools",
    namespaced,
    status = "PoolStatus",
    category = "locus",
    derive = "PartialEq",
    doc = "Pods that wait for the runs of a language, each with its runner ready. A run takes a pod and no other run gets it.",
    printcolumn(name = "Language", type_ = "string", json_path = ".spec.language"),
    printcolumn(name = "Wanted", type_ = "integer", json_path = ".spec.size"),
    printcolumn(name = "Ready", type_ = "integer", json_path = ".status.ready"),
    printcolumn(name = "Claimed", type_ = "integer", json_path = ".status.claimed"),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Image", type_ = "string", json_path = ".status.image", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    scale(spec_replicas_path = ".spec.size", status_replicas_path = ".status.ready")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.minFree) || self.minFree <= self.size")
    .message("minFree is at most size: more pods than size do not wait"))]
pub struct PoolSpec {
    /// The language: an id (`python`), an alias (`py`) or an id with a version (`python@3.13`).
    #[schemars(length(min = 1, max = 96))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9+#._-]*(@[A-Za-z0-9][A-Za-z0-9+._-]*)?$')")
        .message("language is an id such as python, an alias such as py, or id@version such as python@3.13"))]
    pub language: String,

    /// How many pods wait for a run. A pod that a run took is replaced once that run has its answer, or runs for longer
    /// than a second.
    #[schemars(range(min = 0, max = 1000))]
    pub size: u32,

    /// With fewer waiting pods than this, new ones are made at once, even while a run is being answered. The default, 0,
    /// leaves all of the node to runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_free: Option<u32>,

    /// The most pods that are made at one time for runs that find no waiting one. Further runs wait. The default is the
    /// operator's own bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub burst: Option<u32>,

    /// What the pods have room for. A run that asks for more gets a pod of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PoolLimits>,

    /// The runner image. The default is the one of the language. Waiting pods with another image are replaced one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
}

/// What the pods of a pool have room for.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolLimits {
    /// Memory of a run, as digits with an optional suffix: `128Mi`, `1Gi`. The default is that of the language's runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]*(k|M|G|Ki|Mi|Gi)?$')")
        .message("memory is written as digits with an optional suffix, such as 128Mi or 1Gi"))]
    pub memory: Option<String>,
}

/// How many pods there are.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The condition Ready: whether as many pods wait as are wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
    /// Pods that wait, with a runner that has answered.
    #[serde(default)]
    pub ready: u32,
    /// Pods that are on their way.
    #[serde(default)]
    pub starting: u32,
    /// Pods that a run has.
    #[serde(default)]
    pub claimed: u32,
    /// The image of new pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// The CustomResourceDefinition of [`Pool`].
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = Pool::crd();
    without_number_formats(&mut crd);
    crd
}
