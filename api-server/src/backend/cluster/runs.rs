//! Runs by their ids: whose they are, and all that is to be known of them.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use locus_api::{CodeRun, labels};
use locus_core::{Event, Run, Transcript, view::Text};
use tokio::sync::Semaphore;

use super::index::{Follower, Index};
use super::runner::Runners;
use super::seen::{Claimed, Seen};
use super::view;
use crate::backend::files::returned;
use crate::backend::{BackendError, Client, without_half_character};
use crate::shares::Room;

/// The most bytes of output and files of a run. A runner holds less; one that was broken into may tell for ever.
const WHOLE_MAX: usize = 64 << 20;
/// How many are read whole at one time.
pub const WHOLE_AT_ONCE: usize = 2;
/// The time that reading a run whole from its runner may take.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Where runs are found.
#[derive(Clone)]
pub struct Runs {
    /// The `CodeRun`s.
    pub api: Api<CodeRun>,
    /// What the watch has seen.
    pub index: Arc<Index>,
    /// Their runners.
    pub runners: Arc<Runners>,
    /// Whether those that the front door has not made count too.
    pub everything: bool,
    /// Turns to read a run whole from its runner.
    pub turns: Arc<Semaphore>,
    /// Room for what is told of runs when they are over.
    pub replays: Arc<Room>,
}

impl Runs {
    /// Whether a run is a client's to see.
    pub fn shows(&self, client: &Client, is_own: bool, of: Option<&String>) -> bool {
        // Who asks for everything has the rights of a user of the cluster, who sees it all anyway.
        (self.everything && client.is_none()) || (is_own && client.as_ref() == of)
    }

    /// The run as the API server has it.
    pub async fn read(&self, client: &Client, id: &str) -> Result<CodeRun, BackendError> {
        let missing = || BackendError::NotFound(id.to_owned());
        if !is_object_name(id) {
            return Err(missing());
        }
        let run = self.api.get_opt(id).await.map_err(|error| view::refusal(&error))?.ok_or_else(missing)?;
        let labels = run.labels();
        let is_shown = self.shows(client, labels.contains_key(labels::FRONT_DOOR), labels.get(labels::CLIENT));
        if is_shown { Ok(run) } else { Err(missing()) }
    }

    /// Follows a run of which something is known by then.
    pub async fn follow(&self, client: &Client, id: &str) -> Result<(Follower, Arc<Seen>), BackendError> {
        let missing = || BackendError::NotFound(id.to_owned());
        if !is_object_name(id) {
            return Err(missing());
        }
        let follower = self.index.follow(id);
        if follower.now().is_none() {
            let run = self.read(client, id).await?;
            self.index.read(&run, None);
        }
        let seen = follower.now().ok_or_else(missing)?;
        let is_shown = self.shows(client, seen.is_own, seen.client.as_ref());
        if is_shown { Ok((follower, seen)) } else { Err(missing()) }
    }

    /// All of a run that has ended, from what its follower holds or else from the API server.
    pub async fn ended(&self, client: &Client, seen: &Seen) -> Result<Run, BackendError> {
        match &seen.whole {
            Some(whole) => Ok(self.whole(&whole.run).await),
            None => Ok(self.whole(&self.read(client, &seen.summary.id).await?).await),
        }
    }

    /// A run with what its status could not hold, as long as its pod does.
    pub async fn whole(&self, run: &CodeRun) -> Run {
        let told = view::run(run);
        let Some(status) = &run.status else { return told };
        let is_kept = status.pod_kept_until.as_ref().is_some_and(|until| until.0 > Timestamp::now());
        let (Some(name), Some(uid), true) = (&status.pod_name, &status.pod_uid, is_kept) else { return told };
        if !self.runners.can_be_asked() {
            return told;
        }
        let pod = Claimed { name: name.clone(), uid: uid.clone() };
        let run_uid = run.uid().unwrap_or_default();
        let read = async {
            let _turn = self.turns.acquire().await.ok()?;
            transcript(&self.runners, &pod, &run_uid).await
        };
        match tokio::time::timeout(WHOLE_TIMEOUT, read).await {
            Ok(Some(transcript)) => completed(told, run, transcript),
            Ok(None) | Err(_) => told,
        }
    }
}

/// What a runner has to tell of a run that has ended.
async fn transcript(runners: &Runners, pod: &Claimed, run: &str) -> Option<Transcript> {
    let mut lines = runners.events(pod, run).await.ok()?;
    let (mut transcript, mut room) = (Transcript::default(), WHOLE_MAX);
    while let Some(event) = lines.next().await.ok()? {
        let is_last = matches!(event, Event::Finished { .. });
        if let Event::Stdout { data } | Event::Stderr { data } | Event::File { data, .. } = &event {
            room = room.checked_sub(data.len())?;
        }
        transcript.push(event, usize::MAX);
        if is_last {
            return Some(transcript);
        }
    }
    None
}

/// The run with the output, the compiler's and the files that its runner holds whole.
fn completed(told: Run, run: &CodeRun, transcript: Transcript) -> Run {
    let Some(result) = transcript.result else { return told };
    let error = run.status.as_ref().and_then(|status| status.error.clone()).unwrap_or_default();
    let stream = |bytes: Vec<u8>, cut: bool| Text::of(if cut { without_half_character(bytes) } else { bytes });
    let stdout = stream(transcript.stdout, result.stdout_truncated);
    let stderr = stream(transcript.stderr, result.stderr_truncated);
    let mut tests = told.tests;
    for (case, whole) in tests.iter_mut().flat_map(|tests| &mut tests.cases).zip(transcript.cases) {
        let (stdout, stderr) = (Text::of(whole.stdout), Text::of(whole.stderr));
        let was_cut = (&case.stdout, &case.stdout_base64, &case.stderr, &case.stderr_base64)
            != (&stdout.text, &stdout.base64, &stderr.text, &stderr.base64);
        case.truncated &= !was_cut;
        (case.stdout, case.stdout_base64) = (stdout.text, stdout.base64);
        (case.stderr, case.stderr_base64) = (stderr.text, stderr.base64);
    }
    Run {
        error,
        stdout: stdout.text,
        stdout_base64: stdout.base64,
        stderr: stderr.text,
        stderr_base64: stderr.base64,
        stdout_truncated: result.stdout_truncated,
        stderr_truncated: result.stderr_truncated,
        compile: result.compile.or(told.compile),
        tests,
        files: transcript.files.into_iter().map(|(name, bytes)| returned(name, bytes)).collect(),
        files_left: result.files_left,
        ..told
    }
}

/// Whether a text can be the name of an object, and nothing else in a path.
fn is_object_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte);
    bytes.len() <= 253 && ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(inner)
}
