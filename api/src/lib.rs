//! The Kubernetes types of Locus. The YAML in `crds/` is generated from them.

mod coderun;
mod convert;
pub mod labels;
mod quantity;
mod status;

pub use coderun::{CodeRun, CodeRunSpec, EnvVar, File, FileEncoding, RequestedLimits, crd};
pub use quantity::memory_bytes;
pub use status::{CodeRunStatus, CompileStatus, EffectiveLimits, Phase, SUCCEEDED, UsageStatus};
