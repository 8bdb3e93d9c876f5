//! What is known of one run without asking for it.

use std::sync::Arc;

use kube::ResourceExt as _;
use locus_api::{CodeRun, labels};
use locus_core::Run;

use super::view;
use crate::backend::Client;

/// A run, as it was seen last.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The UID of its `CodeRun`.
    pub uid: String,
    /// Whose it is.
    pub client: Client,
    /// Whether the front door has made it.
    pub is_own: bool,
    /// Whether it takes input while it runs.
    pub interactive: bool,
    /// The pod that was claimed for it.
    pub pod: Option<Claimed>,
    /// The run without its output.
    pub summary: Arc<Run>,
    /// All of it once it has ended, for those who followed it by then.
    pub whole: Option<Arc<CodeRun>>,
    version: Option<u64>,
}

/// The pod of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

impl Seen {
    /// What a `CodeRun` says.
    pub fn of(run: &CodeRun) -> Self {
        let status = run.status.as_ref();
        let pod =
            status.and_then(|status| Some(Claimed { name: status.pod_name.clone()?, uid: status.pod_uid.clone()? }));
        Self {
            uid: run.uid().unwrap_or_default(),
            client: run.labels().get(labels::CLIENT).cloned(),
            is_own: run.labels().contains_key(labels::FRONT_DOOR),
            interactive: run.spec.interactive.unwrap_or_default(),
            pod,
            summary: Arc::new(view::summary(run)),
            whole: None,
            version: run.resource_version().and_then(|version| version.parse().ok()),
        }
    }

    /// The same without the output.
    pub fn alone(&self) -> Self {
        Self { whole: None, ..self.clone() }
    }

    /// Whether what is known is younger than what comes now.
    pub fn is_after(&self, other: &Self) -> bool {
        matches!((self.version, other.version), (Some(known), Some(other)) if known > other)
    }
}
