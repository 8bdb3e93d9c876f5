//! The Kubernetes types of Locus. The YAML in `crds/` is generated from them.

mod coderun;
mod convert;
pub mod labels;
mod pool;
mod quantity;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

pub use coderun::{CodeRun, CodeRunSpec, EnvVar, File, FileEncoding, RequestedLimits};
pub use pool::{Pool, PoolLimits, PoolSpec, PoolStatus, READY};
pub use quantity::memory_bytes;
pub use status::{CodeRunStatus, CompileStatus, EffectiveLimits, Phase, SUCCEEDED, UsageStatus};

/// Every CustomResourceDefinition of Locus.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 2] {
    [coderun::crd(), pool::crd()]
}
