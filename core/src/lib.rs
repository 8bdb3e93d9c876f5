//! The run contract: what a run is asked to do, within which limits, how it can end and what it
//! tells while it runs. Every other crate of Locus speaks these types; none of them does I/O.

pub mod assignment;
pub mod cases;
pub mod event;
pub mod limits;
pub mod nearest;
pub mod outcome;
pub mod request;
pub mod seconds;
pub mod token;
pub mod view;

pub use assignment::{Assignment, Network, PodInfo, Prestart, Program, RunState, Standby};
pub use cases::{CaseEnd, CaseInput, Checker, TestCase, Verdict};
pub use event::{CaseTranscript, CompileResult, Event, FileLeft, RunResult, Transcript, Usage};
pub use limits::{Limits, LimitsRequest};
pub use nearest::nearest;
pub use outcome::Outcome;
pub use request::{Encoding, EnvVar, InvalidRequest, RunRequest, SourceFile};
pub use seconds::Seconds;
pub use view::{CaseView, OutputFile, Phase, Run, TestsView, Text};
