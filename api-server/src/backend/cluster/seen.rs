//! What is known of one run without asking for it.

use std::sync::Arc;

use kube::ResourceExt as _;
use locus_api::{CodeRun, CodeRunSpec, CodeRunStatus, labels};
use locus_core::Run;

use super::view;
use crate::backend::Client;
use crate::shares::{Held, Room};

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
    pub whole: Option<Arc<Whole>>,
    version: Option<u64>,
}

/// All of a run that has ended, but what was asked for: that is not told with its end.
#[derive(Debug)]
pub struct Whole {
    /// The run.
    pub run: CodeRun,
    _held: Held,
}

impl Whole {
    /// A run, if there is room for it.
    pub fn of(run: &CodeRun, room: &Arc<Room>) -> Option<Self> {
        let held = room.take(None, run.status.as_ref().map_or(0, size_of))?;
        let spec = CodeRunSpec { language: run.spec.language.clone(), ..CodeRunSpec::default() };
        let run = CodeRun { metadata: run.metadata.clone(), spec, status: run.status.clone() };
        Some(Self { run, _held: held })
    }
}

/// The bytes of what a program may make large.
fn size_of(status: &CodeRunStatus) -> usize {
    let total =
        |texts: &[&Option<String>]| texts.iter().map(|text| text.as_ref().map_or(0, String::len)).sum::<usize>();
    let compile = status.compile.as_ref().map_or(0, |compile| compile.stdout.len() + compile.stderr.len());
    let cases = status.tests.iter().flat_map(|tests| &tests.cases);
    let cases = cases.map(|case| total(&[&case.stdout, &case.stdout_base64, &case.stderr, &case.stderr_base64]));
    total(&[&status.stdout, &status.stdout_base64, &status.stderr, &status.stderr_base64])
        + compile
        + cases.sum::<usize>()
        + status.files.iter().map(|file| file.content.len()).sum::<usize>()
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
