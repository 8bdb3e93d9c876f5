//! The operator's settings: one YAML file, rendered by the chart.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::Toleration;
use locus_api::PoolSpec;
use locus_core::{Limits, Network};
use locus_languages::Language;
use serde::Deserialize;

use crate::share::Concurrency;

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("config file {path} can't be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("config file {path} is wrong: {source}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong, with line and column.
        source: serde_yaml::Error,
    },
}

/// The settings. What the file leaves out is as in [`Config::default`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// The namespace that all run pods live in.
    pub run_namespace: String,
    /// The image of each language that the operator makes an object of, by the object's name: `python`, or `python-3.11` for
    /// a version that is not the default one.
    pub images: BTreeMap<String, String>,
    /// Limits of runs.
    pub limits: LimitBounds,
    /// How many runs may go on at one time.
    pub concurrency: Concurrency,
    /// The pools that the operator makes, by name.
    pub pools: BTreeMap<String, PoolSpec>,
    /// How long things are kept.
    pub retention: Retention,
    /// Seconds after its creation at which a pod that has not started is given up.
    pub pod_start_seconds: u32,
    /// The user ids that pods run as; each live pod has one of its own.
    pub uids: UidRange,
    /// What run pods are like.
    pub pod: PodSettings,
    /// Public keys of those who may read what runs tell and write what they read, and may do nothing else: the front door.
    /// Each pod is given them.
    pub reader_keys: Vec<String>,
}

/// Limits of runs: what they get without asking, and what they get at the most.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LimitBounds {
    /// For what a CodeRun leaves out.
    pub default: Limits,
    /// For what it asks too much of.
    pub maximum: Limits,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retention {
    /// Seconds after its end at which a CodeRun is deleted that does not say otherwise.
    pub ttl_seconds: u32,
    /// How many finished CodeRuns are kept in the whole cluster; the oldest ones go first.
    pub maximum_finished: usize,
    /// Seconds that a runner keeps a result that nobody has acknowledged.
    pub linger_seconds: u32,
    /// Seconds that the pod of a run is kept after its end where its output does not fit the CodeRun's status.
    pub truncated_linger_seconds: u32,
    /// Seconds after which a waiting pod of a pool is replaced by a new one.
    pub waiting_pod_seconds: u32,
}

/// A range of user ids.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UidRange {
    /// The first one.
    pub first: i64,
    /// How many there are.
    pub count: i64,
}

/// What run pods are like.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PodSettings {
    /// When the kubelet pulls the image.
    pub image_pull_policy: String,
    /// Secrets to pull images with, by name, in the run namespace.
    pub image_pull_secrets: Vec<String>,
    /// Nodes that may run pods.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that pods bear.
    pub tolerations: Vec<Toleration>,
    /// The pods' priority class; empty for none.
    pub priority_class_name: String,
    /// The pods' runtime class; empty for the cluster's default.
    pub runtime_class_name: String,
    /// The pods' service account; they get no token of it. Empty for the namespace's default.
    pub service_account_name: String,
    /// The cpu request.
    pub cpu_request: String,
    /// The memory request.
    pub memory_request: String,
    /// The cpu limit.
    pub cpu_limit: String,
    /// Bytes of the work folder and of /tmp, each; they are memory.
    pub tmp_bytes: u64,
    /// What programs may reach. More than nothing is safe only where a network plugin enforces the policies.
    pub network: Network,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`] when the file can't be read or holds a setting that does not exist.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let name = || path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: name(), source })?;
        serde_yaml::from_str(&text).map_err(|source| ConfigError::Parse { path: name(), source })
    }
}

impl Default for Config {
    fn default() -> Self {
        let image =
            |language: &Language| (language.object_name(), format!("locus/runner-{}:dev", language.image_name()));
        Self {
            run_namespace: "locus-runs".into(),
            images: locus_languages::all().iter().map(image).collect(),
            limits: LimitBounds::default(),
            concurrency: Concurrency::default(),
            pools: BTreeMap::new(),
            retention: Retention::default(),
            pod_start_seconds: 300,
            uids: UidRange::default(),
            pod: PodSettings::default(),
            reader_keys: Vec::new(),
        }
    }
}

impl Default for LimitBounds {
    fn default() -> Self {
        Self { default: Limits::DEFAULT, maximum: Limits::MAXIMUM }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            ttl_seconds: 3600,
            maximum_finished: 1000,
            linger_seconds: 3600,
            truncated_linger_seconds: 60,
            waiting_pod_seconds: 86_400,
        }
    }
}

impl Default for UidRange {
    fn default() -> Self {
        Self { first: 100_000, count: 60_000 }
    }
}

impl Default for PodSettings {
    fn default() -> Self {
        Self {
            image_pull_policy: "IfNotPresent".into(),
            image_pull_secrets: Vec::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            priority_class_name: String::new(),
            runtime_class_name: String::new(),
            service_account_name: String::new(),
            cpu_request: "50m".into(),
            memory_request: "64Mi".into(),
            cpu_limit: "1".into(),
            tmp_bytes: 64 << 20,
            network: Network::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn an_empty_file_is_the_default_and_an_unknown_setting_is_named() {
        assert_eq!(serde_yaml::from_str::<Config>("{}").expect("it reads"), Config::default());
        let error = serde_yaml::from_str::<Config>("runNamspace: x").expect_err("it is misspelt").to_string();
        assert!(error.contains("runNamspace"), "{error}");
    }
}
