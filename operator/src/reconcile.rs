//! One CodeRun at a time: observe what there is, plan the next step, apply it, until there is nothing to do but
//! wait. Read this file first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use locus_api::CodeRun;
use locus_core::{Assignment, Limits, RunResult};
use serde_json::Value;
use tokio::time::Instant;

use crate::config::Config;
use crate::keys::Keys;
use crate::links::Links;
use crate::metrics::Metrics;
use crate::plan::{Observed, Step, is_finished, plan};
use crate::pod::{self, PodRequest};
use crate::pod_view::PodView;
use crate::status;
use crate::users::Users;

/// The most steps of one CodeRun before others have their turn.
const STEPS: usize = 8;

/// The time within which the watch shows that a pod is being deleted.
const UNSEEN: Duration = Duration::from_secs(5);

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
    /// The links to runners.
    pub links: Links,
    /// All run pods, as last seen.
    pub pods: Store<Pod>,
    /// The user ids of run pods.
    pub users: Users,
    /// CodeRuns as this operator last wrote them, for as long as the watch has not caught up.
    pub written: Mutex<HashMap<String, Arc<CodeRun>>>,
    /// Pods that were deleted lately, for as long as the watch may not show it.
    pub deleted: Mutex<HashMap<String, Instant>>,
    /// Writes Events.
    pub recorder: Recorder,
    /// Counts.
    pub metrics: Arc<Metrics>,
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
            Self::Assignment { .. } => "Assignment",
        }
    }

    /// Whether the decision rested on something that has changed since.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source: kube::Error::Api(answer), .. } if answer.code == 409)
    }
}

impl Operator {
    /// Takes the steps that can be taken for a CodeRun now.
    ///
    /// # Errors
    /// When the API server refuses a step or does not answer; the controller tries again.
    pub async fn reconcile(&self, run: Arc<CodeRun>) -> Result<Action, ReconcileError> {
        for _ in 0..STEPS {
            let run = self.newest(&run);
            let (pod, pod_leaving) = self.observe_pod(&run).await?;
            let link = self.links.state(uid(&run));
            let observed = Observed { run: &run, pod, pod_leaving, link, now: (self.clock)() };
            let step = plan(&observed, &self.config);
            tracing::debug!(coderun.name = run.name_any(), coderun.namespace = run.namespace(), ?step);
            if let Some(wait) = self.apply(&run, step).await? {
                return Ok(Action::requeue(wait));
            }
        }
        Ok(Action::requeue(Duration::ZERO))
    }

    /// The CodeRun as it is known best: the watch may lag behind our own last write.
    fn newest(&self, seen: &Arc<CodeRun>) -> Arc<CodeRun> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(uid(seen)) {
            Some(ours) if version(ours) > version(seen) => ours.clone(),
            Some(_) => {
                written.remove(uid(seen));
                seen.clone()
            }
            None => seen.clone(),
        }
    }

    /// The run's pod, and whether it is being deleted. That a claimed pod is gone is believed of the API server
    /// alone, since the run ends by it.
    async fn observe_pod(&self, run: &CodeRun) -> Result<(PodView, bool), ReconcileError> {
        let claimed = run.status.as_ref().and_then(|status| status.pod_uid.as_deref());
        let name = pod::name(uid(run));
        let key = ObjectRef::new(&name).within(&self.config.run_namespace);
        let is_ours = |pod: &Pod| claimed.is_none() || pod.metadata.uid.as_deref() == claimed;
        let mut pod = self.pods.get(&key).map(Arc::unwrap_or_clone);
        if claimed.is_some() && !is_finished(run) && !pod.as_ref().is_some_and(is_ours) {
            pod = self.pod_api().get_opt(&name).await.map_err(|source| failed("look-up of the pod", run, source))?;
        }
        Ok(match pod.filter(is_ours) {
            Some(pod) => (PodView::of(&pod), pod.metadata.deletion_timestamp.is_some()),
            None => (PodView::Absent, false),
        })
    }

    /// Takes a step; gives the time to wait for, when there is nothing more to do at once.
    async fn apply(&self, run: &CodeRun, step: Step) -> Result<Option<Duration>, ReconcileError> {
        match step {
            Step::Wait(time) => return Ok(Some(time)),
            Step::CreatePod { image, limits } => return self.create_pod(run, &image, limits).await.map(Some),
            Step::ReplacePod => {
                self.links.drop_link(uid(run));
                self.delete_pod(run).await?;
                return Ok(Some(Duration::from_secs(1)));
            }
            Step::ReportWaiting { reason, message } => {
                self.write_status(run, status::waiting(run, reason, &message, (self.clock)())).await?;
            }
            Step::Dial(address) => {
                self.links.dial(ObjectRef::from_obj(run), uid(run), address);
                return Ok(Some(Duration::from_secs(10)));
            }
            Step::Claim { address, limits } => {
                self.write_status(run, status::claim(run, &address, limits, (self.clock)())).await?;
            }
            Step::Start(assignment) => {
                self.start(run, &assignment)?;
                return Ok(Some(Duration::from_secs(10)));
            }
            Step::Cancel => {
                self.links.cancel(uid(run));
                return Ok(Some(Duration::from_secs(5)));
            }
            Step::Finish(result) => self.finish(run, &result).await?,
            Step::CleanUp => {
                self.links.acknowledge(uid(run)).await;
                self.delete_pod(run).await?;
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
    async fn create_pod(&self, run: &CodeRun, image: &str, limits: Limits) -> Result<Duration, ReconcileError> {
        let name = pod::name(uid(run));
        let pod = pod::build(
            PodRequest {
                run_uid: uid(run),
                run_namespace: run.metadata.namespace.as_deref().unwrap_or_default(),
                run_name: run.metadata.name.as_deref().unwrap_or_default(),
                image,
                limits,
                user: self.users.assign(&name, &self.config.uids, &self.pods),
                public_keys: &self.keys.public_keys(),
            },
            &self.config,
        );
        let created = self.pod_api().create(&PostParams::default(), &pod).await;
        self.metrics.write("pods", "create");
        match created {
            Ok(_) => Ok(Duration::from_secs(2)),
            Err(kube::Error::Api(answer)) if answer.code == 409 => Ok(Duration::from_secs(1)),
            Err(kube::Error::Api(answer)) if answer.code == 403 && answer.message.contains("quota") => {
                self.report_queued(run, &answer.message).await?;
                Ok(Duration::from_secs(1))
            }
            Err(kube::Error::Api(answer)) if matches!(answer.code, 400 | 403 | 422) => {
                let message = format!("the cluster refused the pod: {}", answer.message);
                self.finish(run, &RunResult::failed(locus_core::Outcome::PodRejected, message)).await?;
                Ok(Duration::ZERO)
            }
            Err(source) => Err(failed("creation of the pod", run, source)),
        }
    }

    async fn report_queued(&self, run: &CodeRun, message: &str) -> Result<(), ReconcileError> {
        let told = run.status.as_ref().is_some_and(|status| !status.conditions.is_empty());
        let age =
            run.metadata.creation_timestamp.as_ref().map_or(0, |time| (self.clock)().duration_since(time.0).as_secs());
        if told || age < 2 {
            return Ok(());
        }
        self.write_status(run, status::waiting(run, "Queued", message, (self.clock)())).await
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
        let transcript = self.links.transcript(uid(run));
        let mut budget = status::STATUS_BYTES;
        loop {
            let patch = status::finish(run, result, &transcript, (self.clock)(), budget);
            match self.write_status(run, patch).await {
                Err(error) if is_too_large(&error) && budget > SMALLEST_STATUS => budget /= 2,
                other => break other?,
            }
        }
        let age = run
            .metadata
            .creation_timestamp
            .as_ref()
            .map_or(0.0, |time| (self.clock)().duration_since(time.0).as_secs_f64());
        self.metrics.run_ended(result.outcome.as_str(), age);
        tracing::info!(
            coderun.name = run.name_any(),
            coderun.namespace = run.namespace(),
            run.outcome = result.outcome.as_str(),
            duration_ms = age * 1e3,
            "run ended"
        );
        if !result.outcome.is_success() {
            self.publish(run, result).await;
        }
        Ok(())
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

    async fn write_status(&self, run: &CodeRun, patch: Value) -> Result<(), ReconcileError> {
        let runs = self.run_api(run);
        self.metrics.write("coderuns", "patch");
        let mut written = runs
            .patch_status(&run.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map_err(|source| failed("status", run, source))?;
        slim(&mut written);
        let mut map = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(uid(run).to_owned(), Arc::new(written));
        Ok(())
    }

    async fn delete_pod(&self, run: &CodeRun) -> Result<(), ReconcileError> {
        let name = pod::name(uid(run));
        {
            let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
            deleted.retain(|_, since| since.elapsed() < UNSEEN);
            if deleted.contains_key(&name) {
                return Ok(());
            }
            deleted.insert(name.clone(), Instant::now());
        }
        self.metrics.write("pods", "delete");
        let answer = self.pod_api().delete(&name, &DeleteParams::default()).await;
        if answer.is_err() {
            self.deleted.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        }
        ignore_missing(answer.map(drop)).map_err(|source| failed("deletion of the pod", run, source))
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
        self.links.drop_link(uid(run));
        self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(uid(run));
        let key = ObjectRef::new(&pod::name(uid(run))).within(&self.config.run_namespace);
        if self.pods.get(&key).is_some_and(|pod| pod.metadata.deletion_timestamp.is_none()) {
            self.delete_pod(run).await?;
        }
        Ok(())
    }

    fn run_api(&self, run: &CodeRun) -> Api<CodeRun> {
        Api::namespaced(self.client.clone(), run.metadata.namespace.as_deref().unwrap_or_default())
    }

    fn pod_api(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.config.run_namespace)
    }
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
        if let Some(status) = &mut run.status {
            status.stdout = None;
            status.stdout_base64 = None;
            status.stderr = None;
            status.stderr_base64 = None;
            status.compile = None;
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
