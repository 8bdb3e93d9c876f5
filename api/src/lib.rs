//! The Kubernetes types of Locus. The YAML in `crds/` is generated from them.

mod catalogue;
mod coderun;
mod convert;
pub mod labels;
mod language;
mod pool;
mod quantity;
mod status;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

pub use catalogue::{Catalogue, Refusal, Served};
pub use coderun::{CodeRun, CodeRunSpec, EnvVar, File, FileEncoding, RequestedLimits, Test, TestChecker};
pub use language::{CompatSpec, Language, LanguageSpec, LanguageStatus, PrestartSpec};
pub use pool::{Pool, PoolLimits, PoolSpec, PoolStatus, READY};
pub use quantity::{memory_bytes, memory_text};
pub use status::{
    CaseStatus, CodeRunStatus, CompileStatus, EffectiveLimits, FileLeftStatus, FileStatus, Phase, SUCCEEDED,
    TestsStatus, UsageStatus,
};

/// Every CustomResourceDefinition of Locus.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 3] {
    [coderun::crd(), language::crd(), pool::crd()]
}
