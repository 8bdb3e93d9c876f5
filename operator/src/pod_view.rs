//! From a pod's status to what it means for its run: the mirror of [`crate::pod`].

use k8s_openapi::api::core::v1::{ContainerState, Pod, PodStatus};
use k8s_openapi::jiff::Timestamp;
use locus_core::Outcome;

/// What a pod means for its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodView {
    /// There is no such pod.
    Absent,
    /// It has not started yet.
    Waiting {
        /// When it was created.
        since: Timestamp,
        /// What it waits for.
        message: String,
    },
    /// It can't start, and waiting does not help.
    Stuck(Ending),
    /// Its container runs.
    Running(Address),
    /// Its container runs, but the cluster has taken the pod away from it.
    Leaving {
        /// Where the runner still listens.
        address: Address,
        /// What it means for the run if no result comes.
        ending: Ending,
    },
    /// Its container has ended, or will never start.
    Ended(Ending),
}

/// Where a runner listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The pod's name.
    pub pod_name: String,
    /// The pod's UID.
    pub pod_uid: String,
    /// The pod's address in the cluster's network.
    pub ip: String,
    /// The public keys that the pod was given.
    pub public_keys: String,
}

/// An end that the platform, not the program, brings about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The verdict.
    pub outcome: Outcome,
    /// One human sentence.
    pub message: String,
    /// Whether a pod that no run was sent to may simply be replaced.
    pub replaceable: bool,
}

impl Ending {
    fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        let replaceable = matches!(outcome, Outcome::PodEvicted | Outcome::NodeLost | Outcome::PodRejected);
        Self { outcome, message: message.into(), replaceable }
    }
}

impl PodView {
    /// Reads a pod.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let empty = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&empty);
        let disruption = disruption(status);
        let leaving = pod.metadata.deletion_timestamp.is_some();
        match (status.phase.as_deref(), address(pod, status)) {
            (Some("Failed" | "Succeeded"), _) => Self::Ended(disruption.unwrap_or_else(|| ended(status))),
            (Some("Running"), Some(address)) => match disruption.filter(|_| leaving) {
                Some(ending) => Self::Leaving { address, ending },
                None => Self::Running(address),
            },
            _ if leaving => Self::Ended(
                disruption
                    .unwrap_or_else(|| Ending::new(Outcome::NodeLost, "the pod was deleted before it had started")),
            ),
            _ => waiting(pod, status),
        }
    }
}

fn address(pod: &Pod, status: &PodStatus) -> Option<Address> {
    let annotations = pod.metadata.annotations.as_ref();
    Some(Address {
        pod_name: pod.metadata.name.clone()?,
        pod_uid: pod.metadata.uid.clone()?,
        ip: status.pod_ip.clone()?,
        public_keys: annotations?.get(locus_api::labels::PUBLIC_KEY)?.clone(),
    })
}

/// Why the cluster takes the pod away, where it says so; the reasons are those of Kubernetes'
/// `DisruptionTarget` condition.
fn disruption(status: &PodStatus) -> Option<Ending> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let condition =
        conditions.iter().find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")?;
    let reason = condition.reason.as_deref().unwrap_or_default();
    let told = condition.message.as_deref().unwrap_or("no message");
    Some(match reason {
        "DeletionByTaintManager" | "DeletionByPodGC" => {
            Ending::new(Outcome::NodeLost, format!("the pod's node is gone ({reason}: {told})"))
        }
        _ => Ending::new(Outcome::PodEvicted, format!("the pod was evicted ({reason}: {told})")),
    })
}

fn ended(status: &PodStatus) -> Ending {
    let message = status.message.as_deref().unwrap_or("no message");
    match status.reason.as_deref() {
        Some(reason @ ("Evicted" | "Preempting")) => {
            Ending::new(Outcome::PodEvicted, format!("the pod was evicted ({reason}: {message})"))
        }
        Some(reason @ ("NodeLost" | "NodeShutdown" | "Shutdown" | "Terminated")) => {
            Ending::new(Outcome::NodeLost, format!("the pod's node went away ({reason}: {message})"))
        }
        Some("DeadlineExceeded") => {
            Ending::new(Outcome::RunnerFailed, "the pod reached its deadline before its runner gave a result")
        }
        Some(reason) => Ending::new(Outcome::PodRejected, format!("the node refused the pod ({reason}: {message})")),
        None => container_ended(status),
    }
}

fn container_ended(status: &PodStatus) -> Ending {
    let terminated = container_state(status).and_then(|state| state.terminated.as_ref());
    let Some(terminated) = terminated else {
        return Ending::new(Outcome::RunnerFailed, "the pod ended without a word of its container");
    };
    match terminated.reason.as_deref() {
        Some("OOMKilled") => {
            Ending::new(Outcome::OutOfMemory, "the program and its runner used more memory than the pod may hold")
        }
        reason => Ending::new(
            Outcome::RunnerFailed,
            format!(
                "the runner ended with exit code {} before it gave a result ({}{})",
                terminated.exit_code,
                reason.unwrap_or("no reason"),
                terminated.message.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
            ),
        ),
    }
}

fn waiting(pod: &Pod, status: &PodStatus) -> PodView {
    let since = pod.metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let state = container_state(status).and_then(|state| state.waiting.as_ref());
    let reason = state.and_then(|state| state.reason.as_deref()).unwrap_or_default();
    let told = state.and_then(|state| state.message.clone());
    match reason {
        "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" => {
            let image = crate::pod::image(pod).unwrap_or_default();
            PodView::Stuck(Ending::new(
                Outcome::ImagePullFailed,
                format!("image {image:?} can't be pulled ({reason}: {})", told.unwrap_or_default()),
            ))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => PodView::Stuck(Ending::new(
            Outcome::PodRejected,
            format!("the node can't start the container ({reason}: {})", told.unwrap_or_default()),
        )),
        _ => PodView::Waiting { since, message: told.or_else(|| unscheduled(status)).unwrap_or_else(|| reason.into()) },
    }
}

fn unscheduled(status: &PodStatus) -> Option<String> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .and_then(|condition| condition.message.clone())
}

fn container_state(status: &PodStatus) -> Option<&ContainerState> {
    status.container_statuses.as_ref()?.first()?.state.as_ref()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use locus_core::Outcome;
    use serde_json::{Value, json};

    use super::PodView;

    fn view(status: &Value, deleted: bool) -> PodView {
        let mut pod = json!({
            "metadata": {
                "name": "run-1", "uid": "p1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"locus.dev/public-key": "key"}
            },
            "spec": {"containers": [{"name": "runner", "image": "image:1"}]},
            "status": status
        });
        if deleted {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:01Z");
        }
        PodView::of(&serde_json::from_value::<Pod>(pod).expect("a pod"))
    }

    fn outcome(view: &PodView) -> Option<Outcome> {
        match view {
            PodView::Stuck(ending) | PodView::Ended(ending) | PodView::Leaving { ending, .. } => Some(ending.outcome),
            _ => None,
        }
    }

    #[test]
    fn a_running_pod_with_an_address_can_be_dialled() {
        let PodView::Running(address) = view(&json!({"phase": "Running", "podIP": "10.0.0.9"}), false) else {
            panic!("it runs")
        };
        assert_eq!((address.pod_uid.as_str(), address.ip.as_str()), ("p1", "10.0.0.9"));
    }

    #[test]
    fn a_pod_that_waits_tells_what_for() {
        let unschedulable = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]});
        let PodView::Waiting { message, .. } = view(&unschedulable, false) else { panic!("it waits") };
        assert_eq!(message, "0/1 nodes are available");
    }

    #[test]
    fn each_way_to_be_stuck_has_its_outcome() {
        for (reason, expected) in [
            ("ErrImagePull", None),
            ("ContainerCreating", None),
            ("ImagePullBackOff", Some(Outcome::ImagePullFailed)),
            ("InvalidImageName", Some(Outcome::ImagePullFailed)),
            ("ErrImageNeverPull", Some(Outcome::ImagePullFailed)),
            ("CreateContainerConfigError", Some(Outcome::PodRejected)),
        ] {
            let status = json!({"phase": "Pending", "containerStatuses": [{
                "name": "runner", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "told"}}}]});
            assert_eq!(outcome(&view(&status, false)), expected, "{reason}");
        }
    }

    #[test]
    fn each_way_to_end_has_its_outcome() {
        for (reason, expected) in [
            ("Evicted", Outcome::PodEvicted),
            ("NodeLost", Outcome::NodeLost),
            ("OutOfcpu", Outcome::PodRejected),
            ("DeadlineExceeded", Outcome::RunnerFailed),
        ] {
            let view = view(&json!({"phase": "Failed", "reason": reason}), false);
            assert_eq!(outcome(&view), Some(expected), "{reason}");
        }
        for (reason, expected) in [("OOMKilled", Outcome::OutOfMemory), ("Error", Outcome::RunnerFailed)] {
            let status = json!({"phase": "Failed", "containerStatuses": [{
                "name": "runner", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"reason": reason, "exitCode": 137}}}]});
            assert_eq!(outcome(&view(&status, false)), Some(expected), "{reason}");
        }
    }

    #[test]
    fn a_disruption_tells_who_took_the_pod() {
        for (reason, expected) in [
            ("EvictionByEvictionAPI", Outcome::PodEvicted),
            ("PreemptionByScheduler", Outcome::PodEvicted),
            ("TerminationByKubelet", Outcome::PodEvicted),
            ("DeletionByTaintManager", Outcome::NodeLost),
            ("DeletionByPodGC", Outcome::NodeLost),
        ] {
            let status = json!({"phase": "Running", "podIP": "10.0.0.9", "conditions": [
                {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "told"}]});
            assert_eq!(outcome(&view(&status, true)), Some(expected), "{reason}");
            assert_eq!(outcome(&view(&status, false)), None, "a pod that is not being deleted still runs");
        }
    }
}
