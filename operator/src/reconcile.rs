//! One CodeRun at a time: observe what there is, plan the next step, apply it, until there is nothing to do but
//! wait. Read this file first.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use locus_api::{Catalogue, CodeRun, Language, labels};
use locus_core::{Assignment, Limits, Outcome, RunResult, Standby, TestCase};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::Config;
use crate::desk::{self, Desk, Place};
use crate::evidence::{Evidence, Verdict};
use crate::keys::Keys;
use crate::links::{Link, Links, lock};
use crate::metrics::Metrics;
use crate::plan::{Observed, Step, is_finished, kept, plan, wait};
use crate::pod::{self, PodRequest, Purpose};
use crate::pod_view::PodView;
use crate::runner_client::Dialler;
use crate::standby::Standbys;
use crate::status;
use crate::timeline::{Stage, Timelines};
use crate::users::Users;

/// The time after which it is looked again whether languages have been listed.
const UNLISTED: Duration = Duration::from_millis(50);

/// The most steps of one CodeRun before others have their turn.
const STEPS: usize = 8;

/// The time within which the watch shows that a pod is being deleted.
const UNSEEN: Duration = Duration::from_secs(5);

/// How long a run that was started is looked after without a turn for others: most have ended by then.
const SHORT_RUN: Duration = Duration::from_millis(250);

/// The time that all steps of one turn may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);

/// The smallest budget that a status is tried with.
const SMALLEST_STATUS: usize = 16 * 1024;

/// Everything that reconciling needs.
pub struct Operator {
    /// The API server.
    pub client: Client,
    /// The settings.
    pub config: Config,
    /// The signing keys.
    pub keys: Arc<Keys>,
    /// The links to runners that have a run.
    pub links: Links,
    /// The pods that wait for one.
    pub standbys: Arc<Standbys>,
    /// Where runs ask for a pod.
    pub desk: Desk,
    /// Told when pools may have to be looked at.
    pub pools_changed: Arc<Notify>,
    /// The languages that are served, once they have been listed.
    catalogue: Mutex<Option<Arc<Catalogue>>>,
    /// What was seen of their images.
    pub evidence: Evidence,
    /// All run pods, as last seen.
    pub pods: Store<Pod>,
    /// The user ids of run pods.
    pub users: Users,
    /// CodeRuns as this operator last wrote them, for as long as the watch has not caught up.
    pub written: Mutex<HashMap<String, Arc<CodeRun>>>,
    /// UIDs of pods that were deleted lately, for as long as the watch may not show it.
    pub deleted: Mutex<HashMap<String, Instant>>,
    /// Writes Events.
    pub recorder: Recorder,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Pods of pools that were made and that the watch has not shown yet, with their pool.
    pub made: Mutex<HashMap<String, (String, Instant)>>,
    /// Where the time of runs goes.
    pub timelines: Timelines,
    /// What tells the time.
    pub clock: Clock,
}

/// What tells the time of the cluster.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why a step failed. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API server refused or did not answer.
    #[error("{what} of coderun {run}: {source}")]
    Api {
        /// What was tried.
        what: &'static str,
        /// The CodeRun.
        run: String,
        /// Why it failed.
        source: kube::Error,
    },
    /// Something took too long.
    #[error("coderun {run} took more than {} s", STEP_TIMEOUT.as_secs())]
    Slow {
        /// The CodeRun.
        run: String,
    },
    /// The assignment can't be written as JSON.
    #[error("assignment of coderun {run}: {source}")]
    Assignment {
        /// The CodeRun.
        run: String,
        /// Why it failed.
        source: serde_json::Error,
    },
}

impl ReconcileError {
    /// A word for metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Api { source: kube::Error::Api(_), .. } => "Refused",
            Self::Api { .. } => "Unreachable",
            Self::Slow { .. } => "Slow",
            Self::Assignment { .. } => "Assignment",
        }
    }

    /// Whether the decision rested on something that has changed since.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source: kube::Error::Api(answer), .. } if answer.code == 409)
    }
}

/// A run's pod, as it is seen.
struct SeenPod {
    uid: String,
    view: PodView,
    leaving: bool,
}

/// What [`crate::controller::run`] needs beside the operator.
pub struct Inputs {
    /// The writer of the store of pods that the operator reads.
    pub pods: Writer<Pod>,
    /// CodeRuns that something has happened to: their link has news, or they got a pod.
    pub woken: UnboundedReceiver<ObjectRef<CodeRun>>,
}

impl Operator {
    /// An operator that has seen nothing yet.
    #[must_use]
    pub fn new(client: Client, config: Config, dialler: Dialler, reporter: Reporter, clock: Clock) -> (Self, Inputs) {
        let (pods, pod_writer) = reflector::store();
        let (wake, woken) = futures::channel::mpsc::unbounded();
        let pools_changed = Arc::<Notify>::default();
        let standbys = Arc::new(Standbys::new(dialler.clone(), pools_changed.clone()));
        let operator = Self {
            keys: dialler.keys.clone(),
            links: Links::new(dialler, wake.clone(), status::STATUS_BYTES, clock.clone()),
            desk: Desk::new(standbys.clone(), config.concurrency, wake, pools_changed.clone()),
            standbys,
            pools_changed,
            catalogue: Mutex::default(),
            evidence: Evidence::default(),
            recorder: Recorder::new(client.clone(), reporter),
            metrics: Arc::default(),
            users: Users::default(),
            written: Mutex::default(),
            deleted: Mutex::default(),
            made: Mutex::default(),
            timelines: Timelines::default(),
            client,
            config,
            pods,
            clock,
        };
        (operator, Inputs { pods: pod_writer, woken })
    }

    /// Takes the steps that can be taken for a CodeRun now.
    ///
    /// # Errors
    /// When the API server refuses a step or does not answer; the controller tries again.
    pub async fn reconcile(&self, run: Arc<CodeRun>) -> Result<Action, ReconcileError> {
        let name = format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any());
        // A request that is never answered is as one whose answer was lost.
        let steps = tokio::time::timeout(STEP_TIMEOUT, self.take_steps(run)).await;
        steps.unwrap_or(Err(ReconcileError::Slow { run: name }))
    }

    async fn take_steps(&self, run: Arc<CodeRun>) -> Result<Action, ReconcileError> {
        for _ in 0..STEPS {
            // Before they have been listed every language would be unknown.
            let Some(catalogue) = self.catalogue() else { return Ok(Action::requeue(UNLISTED)) };
            let run = self.newest(&run);
            let place = self.observe_place(&run);
            let SeenPod { uid: pod_uid, view: pod, leaving: pod_leaving } =
                self.observe_pod(&run, place.as_ref()).await?;
            let link = self.observe_link(uid(&run), &pod_uid);
            let observed = Observed { run: &run, place, pod, pod_leaving, link, now: (self.clock)() };
            let mut step = plan(&observed, &self.config, &catalogue);
            if step.rests_on_a_missing_language() {
                // That is believed of the API server alone: the watch may lag behind a language that was just applied.
                step = plan(&observed, &self.config, &self.list_languages(&run).await?);
            }
            self.mark(&run, &step);
            let span = tracing::debug_span!(
                "step",
                step = step.name(),
                coderun.name = run.name_any(),
                coderun.namespace = run.namespace()
            );
            tracing::debug!(parent: &span, "taken");
            if let Some(wait) = self.apply(&run, step).instrument(span).await? {
                return Ok(Action::requeue(wait));
            }
        }
        Ok(Action::requeue(Duration::ZERO))
    }

    /// Notes how far a run has come by the step that it is at.
    fn mark(&self, run: &CodeRun, step: &Step) {
        let mark = |stage| self.timelines.mark(uid(run), stage);
        match step {
            Step::Ask(_) => mark(Stage::Seen),
            Step::Dial(_) | Step::CreatePod { .. } => mark(Stage::Placed),
            Step::Claim { .. } => mark(Stage::Connected),
            Step::Start(_) => mark(Stage::Claimed),
            Step::Finish(_) => mark(Stage::Ended),
            _ => {}
        }
    }

    /// The languages that are served, as last seen; none before they have been listed.
    pub fn catalogue(&self) -> Option<Arc<Catalogue>> {
        lock(&self.catalogue).clone()
    }

    /// From now on these are served.
    pub fn set_catalogue(&self, catalogue: Catalogue) {
        let mut current = lock(&self.catalogue);
        if current.as_deref() != Some(&catalogue) {
            *current = Some(Arc::new(catalogue));
            self.pools_changed.notify_one();
        }
    }

    async fn list_languages(&self, run: &CodeRun) -> Result<Catalogue, ReconcileError> {
        let languages = Api::<Language>::all(self.client.clone()).list(&ListParams::default()).await;
        let languages = languages.map_err(|source| failed("look-up of the language", run, source))?;
        Ok(Catalogue::of(&languages.items))
    }

    /// Notes what a pod of a run tells of the image of the run's language; nothing where it is of another image.
    fn note_evidence(&self, run: &CodeRun, pod: &str, verdict: Verdict) {
        let Some(catalogue) = self.catalogue() else { return };
        let Ok(served) = catalogue.find(&run.spec.language) else { return };
        let image = self.seen_pod(pod).and_then(|pod| pod::image(&pod).map(str::to_owned));
        if image.is_none_or(|image| image == served.image) {
            self.evidence.note(served, verdict);
        }
    }

    /// Notes what the end of a run whose pod was never claimed tells of the image; nothing where the pod never got so far.
    fn note_failure(&self, run: &CodeRun, result: &RunResult) {
        let own = pod::name(uid(run));
        let Some(pod) = self.seen_pod(&own).filter(|_| desk::claim_of(run).is_none()) else { return };
        let is_of_image = match PodView::of(&pod) {
            PodView::Stuck(_) => true,
            PodView::Ended(_) | PodView::Running(_) => result.outcome == Outcome::RunnerFailed,
            PodView::Absent | PodView::Waiting { .. } | PodView::Leaving { .. } => false,
        };
        if let Some(verdict) = Verdict::of_failure(result.outcome, &result.error).filter(|_| is_of_image) {
            self.note_evidence(run, &own, verdict);
        }
    }

    /// The CodeRun as it is known best: the watch may lag behind our own last write.
    fn newest(&self, seen: &Arc<CodeRun>) -> Arc<CodeRun> {
        let mut written = lock(&self.written);
        match written.get(uid(seen)) {
            Some(ours) if version(ours) > version(seen) => ours.clone(),
            Some(_) => {
                written.remove(uid(seen));
                seen.clone()
            }
            None => seen.clone(),
        }
    }

    /// What the desk has given to a run. It learns here of what the run has from an earlier operator, or from another.
    fn observe_place(&self, run: &CodeRun) -> Option<Place> {
        if is_finished(run) {
            self.leave_desk(run);
            return None;
        }
        if let Some(address) = desk::claim_of(run) {
            self.desk.note_claim(run, address);
        } else if matches!(self.desk.place(uid(run)), None | Some(Place::Queued(_)))
            && self.seen_pod(&pod::name(uid(run))).is_some()
        {
            self.desk.note_cold(run, (self.clock)());
        }
        self.desk.place(uid(run))
    }

    /// A run that has ended leaves the desk. One whose pod is kept counts until then, or large outputs of one client would
    /// fill the quota for all.
    fn leave_desk(&self, run: &CodeRun) {
        let now = (self.clock)();
        if kept(run, now, &self.config).is_none() {
            self.desk.leave(uid(run), now);
        }
    }

    /// The run's pod: the one that it has claimed, else the one that it was given, else its own. That a claimed pod is
    /// gone is believed of the API server alone, since the run ends by it.
    async fn observe_pod(&self, run: &CodeRun, place: Option<&Place>) -> Result<SeenPod, ReconcileError> {
        let claimed = desk::claim_of(run);
        let given = match place {
            Some(Place::Warm(address)) => Some(address),
            _ => None,
        };
        let expected = claimed.as_ref().or(given);
        let name = expected.map_or_else(|| pod::name(uid(run)), |address| address.pod_name.clone());
        let is_ours = |pod: &Pod| expected.is_none_or(|address| pod.metadata.uid.as_ref() == Some(&address.pod_uid));
        let mut pod = self.seen_pod(&name).map(Arc::unwrap_or_clone);
        if claimed.is_some() && !is_finished(run) && !pod.as_ref().is_some_and(is_ours) {
            pod = self.pod_api().get_opt(&name).await.map_err(|source| failed("look-up of the pod", run, source))?;
        }
        let expected = expected.map(|address| address.pod_uid.clone()).unwrap_or_default();
        let mut pod = pod.filter(is_ours);
        if pod.is_none() && is_finished(run) {
            // One that was made for it late, by an operator that did not know yet.
            pod = self.seen_pod(&pod::name(uid(run))).map(Arc::unwrap_or_clone);
        }
        Ok(match pod {
            Some(pod) => SeenPod {
                view: PodView::of(&pod),
                leaving: pod.metadata.deletion_timestamp.is_some(),
                uid: pod.metadata.uid.unwrap_or(expected),
            },
            None => SeenPod { view: PodView::Absent, leaving: false, uid: expected },
        })
    }

    /// The link to that pod. One to another pod, which the run was given before somebody else claimed this one for it, is
    /// of no use.
    fn observe_link(&self, run_uid: &str, pod_uid: &str) -> Link {
        let link = self.links.state(run_uid, pod_uid);
        if link == Link::None {
            self.links.drop_link(run_uid);
        }
        link
    }

    /// A pod as last seen, unless it was deleted since.
    fn seen_pod(&self, name: &str) -> Option<Arc<Pod>> {
        let pod = self.pods.get(&ObjectRef::new(name).within(&self.config.run_namespace))?;
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let deleted = lock(&self.deleted).get(uid).is_some_and(|since| since.elapsed() < UNSEEN);
        (!deleted || pod.metadata.deletion_timestamp.is_some()).then_some(pod)
    }

    /// Takes a step; gives the time to wait for, when there is nothing more to do at once.
    async fn apply(&self, run: &CodeRun, step: Step) -> Result<Option<Duration>, ReconcileError> {
        match step {
            Step::Wait(time) => return Ok(Some(time)),
            Step::Ask(need) => self.desk.ask(run, need, (self.clock)()),
            Step::AskAgain => {
                self.links.drop_link(uid(run));
                self.desk.leave(uid(run), (self.clock)());
            }
            Step::CreatePod { image, limits, standby } => {
                return self.create_pod(run, &image, limits, &standby).await.map(Some);
            }
            Step::ReplacePod => {
                self.links.drop_link(uid(run));
                self.remove_own_pod(run, false).await?;
                return Ok(Some(Duration::from_secs(1)));
            }
            Step::ReportWaiting { reason, message } => {
                self.write_status(run, status::waiting(run, reason, &message, (self.clock)())).await?;
            }
            Step::Dial(address) => {
                let open = self.standbys.connection(&address.pod_uid);
                let was_open = open.is_some();
                let tests = run.spec.tests.iter().flatten().map(TestCase::from).collect();
                self.links.dial(ObjectRef::from_obj(run), uid(run), tests, address, open);
                if !was_open {
                    return Ok(Some(Duration::from_secs(1)));
                }
            }
            Step::Claim { address, limits, compile_limits } => {
                let claim = status::claim(run, &address, limits, compile_limits, (self.clock)());
                self.write_status(run, claim).await?;
                self.note_evidence(run, &address.pod_name, Verdict::Served);
            }
            Step::Unclaim => {
                self.write_status(run, status::unclaim(run, (self.clock)())).await?;
                self.links.drop_link(uid(run));
                self.desk.leave(uid(run), (self.clock)());
                // Nobody else is given a pod that was made for this run: one that refuses it is of no use.
                self.remove_own_pod(run, false).await?;
            }
            Step::Start(assignment) => {
                self.start(run, &assignment)?;
                self.links.news(uid(run), SHORT_RUN).await;
                if !self.links.has_news(uid(run)) {
                    return Ok(Some(Duration::from_secs(1)));
                }
            }
            Step::Resume => {
                self.links.resume(uid(run));
                return Ok(Some(Duration::from_secs(1)));
            }
            Step::Cancel => {
                self.links.cancel(uid(run));
                return Ok(Some(Duration::from_secs(5)));
            }
            Step::Finish(result) => self.finish(run, &result).await?,
            Step::CleanUp => {
                self.clean_up(run).await?;
                return Ok(Some(Duration::from_secs(10)));
            }
            Step::DeleteRun => {
                self.delete_run(run).await?;
                return Ok(Some(Duration::from_secs(60)));
            }
        }
        Ok(None)
    }

    /// Makes the run's pod. A pod that is there already is the one; a full quota is waited for.
    async fn create_pod(
        &self,
        run: &CodeRun,
        image: &str,
        limits: Limits,
        standby: &Standby,
    ) -> Result<Duration, ReconcileError> {
        let name = pod::name(uid(run));
        let pod = pod::build(
            PodRequest {
                purpose: Purpose::Run {
                    uid: uid(run),
                    namespace: run.metadata.namespace.as_deref().unwrap_or_default(),
                    name: run.metadata.name.as_deref().unwrap_or_default(),
                },
                image,
                limits,
                with_tests: run.spec.tests.as_ref().is_some_and(|tests| !tests.is_empty()),
                user: self.users.assign(&name, &self.config.uids, &self.pods),
                public_keys: &self.keys.public_keys(),
                standby,
            },
            &self.config,
        );
        let created = self.pod_api().create(&PostParams::default(), &pod).await;
        self.metrics.write("pods", "create");
        match created {
            Ok(_) => Ok(Duration::from_secs(2)),
            Err(kube::Error::Api(answer)) if answer.code == 409 => {
                self.remove_estranged_pod(run).await?;
                Ok(Duration::from_secs(1))
            }
            Err(kube::Error::Api(answer)) if answer.code == 403 && answer.message.contains("quota") => {
                let waits = wait(run, (self.clock)(), "Queued", answer.message);
                if let Step::ReportWaiting { reason, message } = waits {
                    self.write_status(run, status::waiting(run, reason, &message, (self.clock)())).await?;
                }
                Ok(Duration::from_secs(1))
            }
            Err(kube::Error::Api(answer)) if matches!(answer.code, 400 | 403 | 422) => {
                let message = format!("the cluster refused the pod: {}", answer.message);
                self.finish(run, &RunResult::failed(Outcome::PodRejected, message)).await?;
                Ok(Duration::ZERO)
            }
            Err(source) => Err(failed("creation of the pod", run, source)),
        }
    }

    /// Removes a pod that bears the name of the run's own and has lost the operator's label, so that no watch shows it.
    async fn remove_estranged_pod(&self, run: &CodeRun) -> Result<(), ReconcileError> {
        let name = pod::name(uid(run));
        let pod = self.pod_api().get_opt(&name).await.map_err(|source| failed("look-up of the pod", run, source))?;
        let is_ours = |pod: &Pod| pod.labels().get(labels::MANAGED_BY).is_some_and(|by| by == labels::OPERATOR);
        let Some(pod) = pod.filter(|pod| !is_ours(pod)) else { return Ok(()) };
        let removed = self.remove_pod(&name, only(pod.metadata.uid), false).await;
        removed.map_err(|source| failed("deletion of the pod", run, source))
    }

    fn start(&self, run: &CodeRun, assignment: &Assignment) -> Result<(), ReconcileError> {
        let body = serde_json::to_vec(assignment)
            .map_err(|source| ReconcileError::Assignment { run: run.name_any(), source })?;
        self.links.start(uid(run), body.into());
        Ok(())
    }

    /// Writes the result, and an Event where the run failed. A status that is refused for its size is tried with
    /// half the budget.
    async fn finish(&self, run: &CodeRun, result: &RunResult) -> Result<(), ReconcileError> {
        let record = self.links.record(uid(run));
        let retention = &self.config.retention;
        let kept = Duration::from_secs(retention.truncated_linger_seconds.min(retention.linger_seconds).into());
        let mut bounds = status::Bounds { bytes: status::STATUS_BYTES, kept };
        let written = loop {
            let patch = status::finish(run, result, &record, (self.clock)(), bounds);
            match self.write_status(run, patch).await {
                Err(error) if is_too_large(&error) && bounds.bytes > SMALLEST_STATUS => bounds.bytes /= 2,
                other => break other?,
            }
        };
        self.note_failure(run, result);
        self.leave_desk(&written);
        self.tell_times(run, result);
        if !result.outcome.is_success() {
            self.publish(run, result).await;
        }
        Ok(())
    }

    /// Logs and counts where the time of a run went, as far as this operator has seen it.
    fn tell_times(&self, run: &CodeRun, result: &RunResult) {
        self.timelines.mark(uid(run), Stage::Written);
        let times = self.timelines.take(uid(run));
        let start = if result.prestarted { "prestarted" } else { "plain" };
        for (stage, time) in &times {
            self.metrics.stage(stage.before(), *time);
        }
        let milliseconds =
            |wanted| times.iter().find(|(stage, _)| *stage == wanted).map(|(_, time)| time.as_secs_f64() * 1e3);
        let whole: Duration = times.iter().map(|(_, time)| *time).sum();
        self.metrics.run_ended(result.outcome.as_str(), whole.as_secs_f64());
        tracing::info!(
            coderun.name = run.name_any(),
            coderun.namespace = run.namespace(),
            run.outcome = result.outcome.as_str(),
            run.start = start,
            queue_ms = milliseconds(Stage::Placed),
            pod_ms = milliseconds(Stage::Connected),
            claim_ms = milliseconds(Stage::Claimed),
            run_ms = milliseconds(Stage::Ended),
            result_ms = milliseconds(Stage::Written),
            duration_ms = whole.as_secs_f64() * 1e3,
            "run ended"
        );
    }

    async fn publish(&self, run: &CodeRun, result: &RunResult) {
        let event = Event {
            type_: if result.outcome.is_platform_failure() { EventType::Warning } else { EventType::Normal },
            reason: result.outcome.as_str().into(),
            note: Some(result.error.chars().take(1000).collect()),
            action: "Run".into(),
            secondary: None,
        };
        self.metrics.write("events", "create");
        if let Err(error) = self.recorder.publish(&event, &run.object_ref(&())).await {
            tracing::warn!(coderun.name = run.name_any(), %error, "event not written");
        }
    }

    async fn write_status(&self, run: &CodeRun, patch: Value) -> Result<Arc<CodeRun>, ReconcileError> {
        let runs = self.run_api(run);
        self.metrics.write("coderuns", "patch");
        let mut written = runs
            .patch_status(&run.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map_err(|source| failed("status", run, source))?;
        slim(&mut written);
        let written = Arc::new(written);
        lock(&self.written).insert(uid(run).to_owned(), written.clone());
        Ok(written)
    }

    /// Acknowledges the result and removes the run's pods.
    async fn clean_up(&self, run: &CodeRun) -> Result<(), ReconcileError> {
        // After that the runner leaves by itself, and there is nothing to wait for.
        let acknowledged = self.links.acknowledge(uid(run)).await;
        self.remove_pods(run, acknowledged).await
    }

    /// Removes the pod that was made for a run, if there is one.
    async fn remove_own_pod(&self, run: &CodeRun, at_once: bool) -> Result<(), ReconcileError> {
        let own = pod::name(uid(run));
        let Some(pod) = self.seen_pod(&own).filter(|pod| pod.metadata.deletion_timestamp.is_none()) else {
            return Ok(());
        };
        let removed = self.remove_pod(&own, only(pod.metadata.uid.clone()), at_once).await;
        removed.map_err(|source| failed("deletion of the pod", run, source))
    }

    /// Removes the pod that a run claimed, and the one that was made for it.
    async fn remove_pods(&self, run: &CodeRun, at_once: bool) -> Result<(), ReconcileError> {
        // Where another run has claimed the same pod it may be that one which runs there.
        let claimed = desk::claim_of(run)
            .filter(|claimed| claimed.pod_name != pod::name(uid(run)))
            .filter(|claimed| at_once || self.desk.run_with(&claimed.pod_uid).is_none());
        if let Some(claimed) = claimed.filter(|claimed| self.seen_pod(&claimed.pod_name).is_some()) {
            let removed = self.remove_pod(&claimed.pod_name, only(Some(claimed.pod_uid)), at_once).await;
            removed.map_err(|source| failed("deletion of the pod", run, source))?;
        }
        self.remove_own_pod(run, at_once).await
    }

    /// Deletes a pod, once. `at_once` is for pods whose runner is about to leave by itself.
    ///
    /// # Errors
    /// When the API server does not do it.
    pub async fn remove_pod(&self, name: &str, same: Preconditions, at_once: bool) -> kube::Result<()> {
        let uid = same.uid.clone().unwrap_or_default();
        {
            let mut deleted = lock(&self.deleted);
            deleted.retain(|_, since| since.elapsed() < UNSEEN);
            if deleted.contains_key(&uid) {
                return Ok(());
            }
            deleted.insert(uid.clone(), Instant::now());
        }
        self.metrics.write("pods", "delete");
        let params = DeleteParams::default().preconditions(same);
        let params = if at_once { params.grace_period(0) } else { params };
        let answer = self.pod_api().delete(name, &params).await;
        if answer.is_err() {
            lock(&self.deleted).remove(&uid);
        }
        ignore_missing(answer.map(drop))
    }

    async fn delete_run(&self, run: &CodeRun) -> Result<(), ReconcileError> {
        let same = Preconditions { uid: run.metadata.uid.clone(), resource_version: None };
        self.metrics.write("coderuns", "delete");
        let deleted = self.run_api(run).delete(&run.name_any(), &DeleteParams::default().preconditions(same)).await;
        ignore_missing(deleted.map(drop)).map_err(|source| failed("deletion", run, source))
    }

    /// Forgets a CodeRun that is gone, and removes what is left of it.
    ///
    /// # Errors
    /// When the API server does not delete the pod; the sweep tries again.
    pub async fn forget(&self, run: &CodeRun) -> Result<(), ReconcileError> {
        self.forget_uid(uid(run));
        self.remove_pods(run, false).await
    }

    /// Forgets all that is remembered of a run.
    pub fn forget_uid(&self, uid: &str) {
        self.links.drop_link(uid);
        self.desk.leave(uid, (self.clock)());
        drop(self.timelines.take(uid));
        lock(&self.written).remove(uid);
    }

    /// The UIDs of all runs of which something is remembered.
    #[must_use]
    pub fn remembered(&self) -> HashSet<String> {
        let written = lock(&self.written).keys().cloned().collect();
        [self.links.runs(), self.desk.runs(), self.timelines.runs(), written].into_iter().flatten().collect()
    }

    fn run_api(&self, run: &CodeRun) -> Api<CodeRun> {
        Api::namespaced(self.client.clone(), run.metadata.namespace.as_deref().unwrap_or_default())
    }

    fn pod_api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.config.run_namespace)
    }
}

/// The very pod that has this UID.
#[must_use]
pub fn only(uid: Option<String>) -> Preconditions {
    Preconditions { uid, resource_version: None }
}

/// Leaves out of a CodeRun what no decision needs, so that the operator's memory does not grow with what
/// programs are and write.
pub fn slim(run: &mut CodeRun) {
    run.metadata.managed_fields = None;
    run.metadata.annotations = None;
    if is_finished(run) {
        run.spec.code = None;
        run.spec.files = None;
        run.spec.stdin = None;
        run.spec.tests = None;
        if let Some(status) = &mut run.status {
            status.stdout = None;
            status.stdout_base64 = None;
            status.stderr = None;
            status.stderr_base64 = None;
            status.compile = None;
            status.tests = None;
            status.files = Vec::new();
            status.files_left = Vec::new();
        }
    }
}

fn uid(run: &CodeRun) -> &str {
    run.metadata.uid.as_deref().unwrap_or_default()
}

/// Resource versions of one kind of object grow.
fn version(run: &CodeRun) -> u64 {
    run.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn failed(what: &'static str, run: &CodeRun, source: kube::Error) -> ReconcileError {
    ReconcileError::Api { what, run: format!("{}/{}", run.namespace().unwrap_or_default(), run.name_any()), source }
}

fn is_too_large(error: &ReconcileError) -> bool {
    let ReconcileError::Api { source: kube::Error::Api(answer), .. } = error else { return false };
    answer.code == 413 || answer.message.contains("too large") || answer.message.contains("too long")
}

fn ignore_missing(deleted: Result<(), kube::Error>) -> Result<(), kube::Error> {
    match deleted {
        Err(kube::Error::Api(answer)) if matches!(answer.code, 404 | 409) => Ok(()),
        other => other,
    }
}
