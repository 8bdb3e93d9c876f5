//! Who asked to be told of a run's end is told: at least once, and usually once, however many servers there are.
//!
//! What has been done stands in annotations of the `CodeRun`. A claim is taken with the resource version that it was decided
//! on, so that of two servers one gets it; it holds for five minutes, and then another may try.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use locus_api::{CodeRun, labels};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::order::asked;
use super::runs::Runs;
use super::view;
use crate::callback::{Hook, Notice};

/// Sends what is told of a run to a URL; whether it was taken there.
pub type Callback = Hook;

/// Who tells of the run's end, and since when.
const CLAIMED: &str = "locus.dev/callback-claimed";
/// When it was told.
const DONE: &str = "locus.dev/callback-done";
/// How long a claim holds, and how long a callback may take: less, so that no other server has begun meanwhile.
const CLAIM_TIME: Duration = Duration::from_secs(300);
const CALL_TIMEOUT: Duration = Duration::from_secs(240);
/// Pause after a request that the API server did not take.
const PAUSE: Duration = Duration::from_secs(1);
/// How many are told at one time.
const AT_ONCE: usize = 16;

/// The callbacks of this server.
pub struct Callbacks {
    runs: Runs,
    callback: Callback,
    /// The name of this server among its like.
    server: String,
    /// Runs that a task sees to.
    seen: Mutex<HashSet<String>>,
    places: Semaphore,
}

impl Callbacks {
    /// Tells by this callback.
    pub fn new(runs: Runs, callback: Callback) -> Arc<Self> {
        let server = uuid::Uuid::new_v4().to_string();
        Arc::new(Self { runs, callback, server, seen: Mutex::default(), places: Semaphore::new(AT_ONCE) })
    }

    /// Takes in what the watch saw: a run that has ended and whose end is to be told is told by a task.
    pub fn observe(self: &Arc<Self>, run: &CodeRun) {
        let name = run.name_any();
        if !is_due(run) || !self.seen().insert(name.clone()) {
            return;
        }
        let callbacks = self.clone();
        tokio::spawn(async move {
            // What waits for its turn is a name, and no run with all its output.
            while let Some(rest) = callbacks.see_to(&name).await.unwrap_or(Some(PAUSE)) {
                tokio::time::sleep(rest).await;
            }
            callbacks.seen().remove(&name);
        });
    }

    /// Tells of the run, unless that is done, by whatever server, or it is gone; else when to look again.
    async fn see_to(&self, name: &str) -> kube::Result<Option<Duration>> {
        // Never closed.
        let _place = self.places.acquire().await;
        let Some(run) = self.runs.api.get_opt(name).await?.filter(is_due) else { return Ok(None) };
        match held_for(&run, Timestamp::now()) {
            Some(rest) => Ok(Some(rest)),
            None => Ok(if self.tell(&run).await? { None } else { Some(PAUSE) }),
        }
    }

    /// Claims the telling, and tells; whether that is done.
    async fn tell(&self, run: &CodeRun) -> kube::Result<bool> {
        let name = run.name_any();
        let claim = format!("{} {}", self.server, Timestamp::now());
        let claimed = self.annotate(&name, &json!({ CLAIMED: claim }), run.resource_version()).await?;
        let Some(url) = claimed.annotations().get(labels::CALLBACK) else { return Ok(true) };
        let told = (self.callback)(url.clone(), notice(&claimed));
        if !tokio::time::timeout(CALL_TIMEOUT, told).await.unwrap_or(false) {
            tracing::warn!(
                coderun.name = name,
                "the end of a run could not be told to its callback: it is tried again"
            );
            return Ok(false);
        }
        self.annotate(&name, &json!({ DONE: Timestamp::now().to_string() }), None).await.map(|_| true)
    }

    async fn annotate(&self, name: &str, annotations: &Value, version: Option<String>) -> kube::Result<CodeRun> {
        let mut metadata = json!({ "annotations": annotations });
        if let Some(version) = version {
            metadata["resourceVersion"] = version.into();
        }
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        self.runs.api.patch(name, &PatchParams::default(), &patch).await
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is told of a run. What its status can't hold is more than a callback tells.
fn notice(run: &CodeRun) -> Notice {
    let told = view::run(run);
    let is_cut = run.status.as_ref().is_some_and(|status| status.pod_kept_until.is_some());
    Notice::to_whom_asked(told, &asked(run), !is_cut)
}

/// Whether the end of a run is still to be told. What the front door has not made is none of its business.
fn is_due(run: &CodeRun) -> bool {
    let is_over = run.status.as_ref().is_some_and(|status| status.outcome.is_some());
    let annotations = run.annotations();
    is_over
        && run.labels().contains_key(labels::FRONT_DOOR)
        && annotations.contains_key(labels::CALLBACK)
        && !annotations.contains_key(DONE)
}

/// How long the claim on a run still holds.
fn held_for(run: &CodeRun, now: Timestamp) -> Option<Duration> {
    let (_, time) = run.annotations().get(CLAIMED)?.rsplit_once(' ')?;
    let age = now.duration_since(time.parse().ok()?);
    // A clock that is ahead of this one does not make a claim longer.
    let age = Duration::try_from(age).unwrap_or_default();
    CLAIM_TIME.checked_sub(age).filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::{SignedDuration, Timestamp};
    use locus_api::{CodeRun, CodeRunSpec, CodeRunStatus};

    use super::{CLAIM_TIME, CLAIMED, DONE, held_for, is_due, notice};

    fn run(outcome: Option<&str>, annotations: &[(&str, String)]) -> CodeRun {
        let mut run = CodeRun::new("a", CodeRunSpec::default());
        run.status = Some(CodeRunStatus { outcome: outcome.map(Into::into), ..CodeRunStatus::default() });
        run.metadata.labels = Some([("locus.dev/front-door".into(), "true".into())].into());
        run.metadata.annotations =
            Some(annotations.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
        run
    }

    #[test]
    fn only_an_end_that_is_to_be_told_and_was_not_is_due() {
        let url = [("locus.dev/callback", "https://a.example".to_owned())];
        let done = [url[0].clone(), (DONE, "2026-01-01T00:00:00Z".to_owned())];
        assert!(is_due(&run(Some("Completed"), &url)));
        assert!(!is_due(&run(None, &url)));
        assert!(!is_due(&run(Some("Completed"), &[])));
        assert!(!is_due(&run(Some("Completed"), &done)));
        let mut foreign = run(Some("Completed"), &url);
        foreign.metadata.labels = None;
        assert!(!is_due(&foreign));
    }

    #[test]
    fn what_the_status_can_not_hold_is_left_out() {
        let mut run = run(Some("Completed"), &[]);
        run.status.as_mut().expect("a status").stdout = Some("4".into());
        assert!(notice(&run).whole.is_some());
        run.status.as_mut().expect("a status").pod_kept_until = Some(Time(Timestamp::UNIX_EPOCH));
        assert!(notice(&run).whole.is_none());
    }

    #[test]
    fn a_claim_holds_for_its_time_and_no_longer() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let claimed = |age: i64| run(None, &[(CLAIMED, format!("server {}", now - SignedDuration::from_secs(age)))]);
        assert_eq!(held_for(&claimed(0), now), Some(CLAIM_TIME));
        assert_eq!(held_for(&claimed(299), now), Some(Duration::from_secs(1)));
        assert_eq!(held_for(&claimed(300), now), None);
        assert_eq!(held_for(&claimed(-900), now), Some(CLAIM_TIME));
        assert_eq!(held_for(&run(None, &[]), now), None);
        assert_eq!(held_for(&run(None, &[(CLAIMED, "nonsense".into())]), now), None);
    }
}
