//! What to do next for a CodeRun. Pure: everything it knows is in its arguments.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use locus_api::{Catalogue, CodeRun, Served};
use locus_core::{Assignment, Limits, Outcome, RunRequest, RunResult, Seconds, Standby};

use crate::config::Config;
use crate::desk::Place;
use crate::links::Link;
use crate::pod_view::{Address, Ending, PodView};
use crate::share::Need;

/// Seconds that a runner may be late, over the limits of its run.
const GRACE_SECONDS: u32 = 60;

/// Seconds after which a CodeRun that still waits is told so in its condition.
const QUIET_SECONDS: i64 = 1;

/// Seconds that a waiting pod's runner may take to answer again after its connection broke.
const REDIAL_SECONDS: i64 = 3;

/// The most seconds that a program may take for all tests of a run together.
pub const TESTS_SECONDS: u32 = 3600;

/// What is known of a CodeRun and of what belongs to it.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
    /// The CodeRun.
    pub run: &'a CodeRun,
    /// What the desk has given it.
    pub place: Option<Place>,
    /// The pod that it has claimed, or else the one that the desk gave it or that was made for it.
    pub pod: PodView,
    /// Whether that pod is being deleted.
    pub pod_leaving: bool,
    /// The link to the pod's runner.
    pub link: Link,
    /// The time.
    pub now: Timestamp,
}

/// The next step for a CodeRun.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing, until something changes or the time has passed.
    Wait(Duration),
    /// Ask for a pod.
    Ask(Need),
    /// Give back a pod that waited and has broken down meanwhile, and ask again.
    AskAgain,
    /// Make a pod for the run.
    CreatePod {
        /// The runner image.
        image: String,
        /// Limits that have room for all steps of the run.
        limits: Limits,
        /// What its runner holds ready.
        standby: Box<Standby>,
    },
    /// Delete a pod that the run was not sent to, so that another one is made.
    ReplacePod,
    /// Tell that the run waits.
    ReportWaiting {
        /// The condition's reason.
        reason: &'static str,
        /// The condition's message.
        message: String,
    },
    /// Dial the pod's runner.
    Dial(Address),
    /// Write into the CodeRun that this pod is the run's, before anything is sent to it.
    Claim {
        /// The pod.
        address: Address,
        /// The limits in force.
        limits: Limits,
        /// Those of the compile step, where the language compiles.
        compile_limits: Option<Limits>,
    },
    /// Take the claim back: the pod's runner has accepted another run, so that this one has never started.
    Unclaim,
    /// Hand the run to the runner.
    Start(Box<Assignment>),
    /// Follow the run if the runner has it; if not, the runner takes none any more. For runs whose language is gone.
    Resume,
    /// Ask the runner to stop the run.
    Cancel,
    /// Write the result.
    Finish(Box<RunResult>),
    /// Acknowledge the result and remove the pod.
    CleanUp,
    /// Delete the CodeRun, whose time is over.
    DeleteRun,
}

impl Step {
    /// Whether it is taken because the run's language is not known, or no more.
    #[must_use]
    pub fn rests_on_a_missing_language(&self) -> bool {
        match self {
            Self::Resume => true,
            Self::Finish(result) => result.outcome == Outcome::UnknownLanguage,
            _ => false,
        }
    }

    /// What kind of step it is. The log gets this and no more: a step may hold the program.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Wait(_) => "Wait",
            Self::Ask(_) => "Ask",
            Self::AskAgain => "AskAgain",
            Self::CreatePod { .. } => "CreatePod",
            Self::ReplacePod => "ReplacePod",
            Self::ReportWaiting { .. } => "ReportWaiting",
            Self::Dial(_) => "Dial",
            Self::Claim { .. } => "Claim",
            Self::Unclaim => "Unclaim",
            Self::Start(_) => "Start",
            Self::Resume => "Resume",
            Self::Cancel => "Cancel",
            Self::Finish(_) => "Finish",
            Self::CleanUp => "CleanUp",
            Self::DeleteRun => "DeleteRun",
        }
    }
}

/// The next step for a CodeRun.
#[must_use]
pub fn plan(observed: &Observed<'_>, config: &Config, catalogue: &Catalogue) -> Step {
    if is_finished(observed.run) {
        return after_the_end(observed, config);
    }
    let assigned = assign(observed.run, config, catalogue);
    if observed.run.status.as_ref().is_some_and(|status| status.pod_uid.is_some()) {
        // Its pod may be running it: from the claim on, a language that is gone ends no run.
        return claimed_run(observed, assigned.ok().map(|(assignment, _)| assignment), config);
    }
    match assigned {
        Ok((assignment, served)) => unclaimed_run(observed, &assignment, served, config),
        Err(result) => Step::Finish(result),
    }
}

/// Whether the CodeRun has its outcome.
#[must_use]
pub fn is_finished(run: &CodeRun) -> bool {
    run.status.as_ref().is_some_and(|status| status.outcome.is_some())
}

fn unclaimed_run(observed: &Observed<'_>, assignment: &Assignment, served: &Served, config: &Config) -> Step {
    if cancel_requested(observed.run) {
        return finish(RunResult::failed(Outcome::Cancelled, "the run was cancelled before it started"));
    }
    match &observed.place {
        None => Step::Ask(Need { language: served.object.clone(), memory: assignment.bounds().memory_bytes }),
        Some(Place::Queued(why)) => wait(observed.run, observed.now, "Queued", format!("waiting for a pod: {why}")),
        Some(Place::Warm(_)) => warm_run(observed, assignment),
        Some(Place::Cold { since }) => cold_run(observed, *since, assignment, served, config),
    }
}

/// A run that was given a pod which waited.
fn warm_run(observed: &Observed<'_>, assignment: &Assignment) -> Step {
    let PodView::Running(address) = &observed.pod else { return Step::AskAgain };
    if observed.pod_leaving {
        return Step::AskAgain;
    }
    match &observed.link {
        Link::None => Step::Dial(address.clone()),
        Link::Connected => claim(address, assignment),
        Link::Dialling { since, .. } if seconds(*since, observed.now) >= REDIAL_SECONDS => Step::AskAgain,
        Link::Dialling { .. } => Step::Wait(Duration::from_secs(1)),
        Link::Refused | Link::Running { .. } | Link::Finished(_) => Step::AskAgain,
    }
}

/// A run that has a pod of its own, or is to get one. `since` is when it was given that right.
fn cold_run(
    observed: &Observed<'_>,
    since: Timestamp,
    assignment: &Assignment,
    served: &Served,
    config: &Config,
) -> Step {
    let patience = i64::from(config.pod_start_seconds);
    match &observed.pod {
        PodView::Absent => Step::CreatePod {
            image: served.image.clone(),
            limits: assignment.bounds(),
            standby: Box::new(Standby {
                program: assignment.program.clone(),
                limits: assignment.limits,
                network: assignment.network,
            }),
        },
        PodView::Waiting { since, message } if seconds(*since, observed.now) >= patience => finish(RunResult::failed(
            Outcome::PodRejected,
            format!("no node started the pod within {patience} s: {message}"),
        )),
        PodView::Waiting { message, .. } => {
            wait(observed.run, observed.now, "PodPending", format!("waiting for the pod: {message}"))
        }
        PodView::Ended(ending) if ending.replaceable && seconds(since, observed.now) < patience => {
            if observed.pod_leaving { Step::Wait(Duration::from_secs(1)) } else { Step::ReplacePod }
        }
        PodView::Stuck(ending) | PodView::Ended(ending) => finish(ended(ending)),
        PodView::Leaving { .. } => Step::Wait(Duration::from_secs(1)),
        // Somebody deletes it: the next one is made when it is gone.
        PodView::Running(_) if observed.pod_leaving => Step::Wait(Duration::from_secs(1)),
        PodView::Running(address) => match &observed.link {
            Link::None => Step::Dial(address.clone()),
            Link::Connected => claim(address, assignment),
            Link::Dialling { since, error } if seconds(*since, observed.now) >= patience => {
                finish(RunResult::failed(Outcome::RunnerFailed, format!("the runner can't be reached: {error}")))
            }
            Link::Dialling { error, .. } => {
                wait(observed.run, observed.now, "PodPending", format!("waiting for the pod: {error}"))
            }
            Link::Refused => Step::ReplacePod,
            Link::Running { .. } | Link::Finished(_) => Step::Wait(Duration::from_secs(1)),
        },
    }
}

fn claim(address: &Address, assignment: &Assignment) -> Step {
    let Assignment { limits, compile_limits, .. } = *assignment;
    Step::Claim { address: address.clone(), limits, compile_limits }
}

/// A run that waits for longer than a moment is told so: that it waits for its turn, and later that it waits for its pod,
/// but never the other way round, whatever another operator thinks.
#[must_use]
pub fn wait(run: &CodeRun, now: Timestamp, reason: &'static str, message: String) -> Step {
    let mut conditions = run.status.iter().flat_map(|status| &status.conditions);
    let told = conditions.any(|condition| condition.reason == reason || condition.reason == "PodPending");
    let age = run.metadata.creation_timestamp.as_ref().map_or(0, |time| seconds(time.0, now));
    if age > QUIET_SECONDS && !told {
        return Step::ReportWaiting { reason, message };
    }
    Step::Wait(Duration::from_secs(if told { 10 } else { 1 }))
}

/// `assignment` is none where the run's language is gone, or has become another one.
fn claimed_run(observed: &Observed<'_>, assignment: Option<Assignment>, config: &Config) -> Step {
    let patience = patience(observed.run, config);
    if let Link::Finished(record) = &observed.link
        && let Some(result) = &record.result
    {
        return finish(explained(result, observed));
    }
    match &observed.pod {
        PodView::Absent => finish(RunResult::failed(
            Outcome::NodeLost,
            "the pod that had the run is gone: its node was lost, or someone deleted it",
        )),
        PodView::Stuck(ending) | PodView::Ended(ending) | PodView::Leaving { ending, .. } => finish(ended(ending)),
        PodView::Waiting { .. } => Step::Wait(Duration::from_secs(1)),
        PodView::Running(address) => match &observed.link {
            Link::None => Step::Dial(address.clone()),
            Link::Connected => assignment.map_or(Step::Resume, |assignment| Step::Start(Box::new(assignment))),
            Link::Refused => Step::Unclaim,
            Link::Dialling { since, error } if seconds(*since, observed.now) >= patience => {
                finish(RunResult::failed(Outcome::RunnerFailed, format!("the runner can't be reached: {error}")))
            }
            Link::Running { since } if seconds(*since, observed.now) >= patience => finish(RunResult::failed(
                Outcome::RunnerFailed,
                format!("the runner gave no result within {patience} s"),
            )),
            Link::Running { .. } if cancel_requested(observed.run) => Step::Cancel,
            Link::Dialling { .. } | Link::Running { .. } | Link::Finished(_) => Step::Wait(Duration::from_secs(10)),
        },
    }
}

/// Seconds that the runner of a claimed run may take. They follow from the claim: the language may be another one by now.
fn patience(run: &CodeRun, config: &Config) -> i64 {
    let limits = run.status.as_ref().and_then(|status| status.limits.as_ref());
    let cases = run.spec.tests.as_ref().map_or(1, |tests| u32::try_from(tests.len()).unwrap_or(u32::MAX));
    let most = config.limits.maximum.timeout_seconds;
    let (step, compile) = limits.map_or((most.saturating_mul(2), Seconds::ZERO), |limits| {
        (limits.timeout_seconds, limits.compile_timeout_seconds.unwrap_or_default())
    });
    i64::from(step.saturating_mul(cases).saturating_add(compile).rounded_up()) + i64::from(GRACE_SECONDS)
}

/// A runner that is told to end cancels its run; when nobody asked for that, the pod's end is the reason.
fn explained(result: &RunResult, observed: &Observed<'_>) -> RunResult {
    if result.outcome != Outcome::Cancelled || cancel_requested(observed.run) {
        return result.clone();
    }
    let (outcome, error) = match &observed.pod {
        PodView::Ended(ending) | PodView::Leaving { ending, .. } => (ending.outcome, ending.message.clone()),
        PodView::Absent => (Outcome::NodeLost, "the pod that had the run was deleted".into()),
        _ => (Outcome::RunnerFailed, "the runner was told to end from outside, its pod deleted perhaps".into()),
    };
    RunResult { outcome, error, ..result.clone() }
}

fn after_the_end(observed: &Observed<'_>, config: &Config) -> Step {
    let pod_stands = observed.pod != PodView::Absent && !observed.pod_leaving;
    let is_readable = pod_stands && matches!(observed.pod, PodView::Running(_));
    if let Some(time) = kept(observed.run, observed.now, config).filter(|_| is_readable) {
        return Step::Wait(time);
    }
    if pod_stands || observed.link != Link::None {
        return Step::CleanUp;
    }
    time_to_live(observed.run, observed.now, config).map_or(Step::DeleteRun, Step::Wait)
}

/// How long the pod of a run that has ended is still kept, since it holds more than the status does: never longer than the
/// CodeRun itself, and never longer than the settings say, whatever stands there.
#[must_use]
pub fn kept(run: &CodeRun, now: Timestamp, config: &Config) -> Option<Duration> {
    let status = run.status.as_ref()?;
    let (until, end) = (status.pod_kept_until.as_ref()?.0, status.completion_time.as_ref()?.0);
    let most = Duration::from_secs(config.retention.truncated_linger_seconds.into());
    let left = until.min(end + most).duration_since(now);
    let left = Duration::try_from(left).ok().filter(|left| !left.is_zero())?;
    Some(left.min(time_to_live(run, now, config)?))
}

/// How long a CodeRun that has ended still stands.
fn time_to_live(run: &CodeRun, now: Timestamp, config: &Config) -> Option<Duration> {
    let ttl = run.spec.ttl_seconds_after_finished.unwrap_or(config.retention.ttl_seconds);
    let ended = run.status.as_ref().and_then(|status| status.completion_time.as_ref());
    // A result that somebody else wrote may lack its time.
    let end = ended.or(run.metadata.creation_timestamp.as_ref());
    let age = end.map_or(i64::MAX, |end| seconds(end.0, now));
    let left = u64::try_from(i64::from(ttl) - age.min(i64::from(u32::MAX))).ok();
    left.filter(|left| *left > 0).map(Duration::from_secs)
}

/// Looks up, checks and clamps everything that a runner needs, and names the language that it is of.
fn assign<'a>(
    run: &CodeRun,
    config: &Config,
    catalogue: &'a Catalogue,
) -> Result<(Assignment, &'a Served), Box<RunResult>> {
    let request = RunRequest::from(&run.spec);
    let served = catalogue
        .find(&request.language)
        .map_err(|error| Box::new(RunResult::failed(Outcome::UnknownLanguage, error.to_string())))?;
    let language = &served.language;
    let uid = run.metadata.uid.clone().unwrap_or_default();
    let bounds = &config.limits;
    let assignment = language
        .assignment(uid, language.program(), request, bounds.default, bounds.maximum)
        .map_err(|error| Box::new(RunResult::failed(Outcome::InvalidRequest, error.to_string())))?;
    let limits = with_time_for_all(assignment.limits, assignment.cases.len());
    Ok((Assignment { network: config.pod.network, limits, ..assignment }, served))
}

/// Limits of which each case may use all, and all cases together no more time than a run may take.
fn with_time_for_all(limits: Limits, cases: usize) -> Limits {
    let share = u32::try_from(cases).ok().and_then(|cases| TESTS_SECONDS.checked_div(cases)).unwrap_or(u32::MAX);
    Limits { timeout_seconds: limits.timeout_seconds.min(Seconds::whole(share.max(1))), ..limits }
}

fn ended(ending: &Ending) -> RunResult {
    RunResult::failed(ending.outcome, ending.message.clone())
}

fn finish(result: RunResult) -> Step {
    Step::Finish(Box::new(result))
}

fn cancel_requested(run: &CodeRun) -> bool {
    run.spec.cancel_requested.unwrap_or(false)
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use k8s_openapi::jiff::{SignedDuration, Timestamp};
    use locus_api::{Catalogue, CodeRun};
    use locus_core::{Event, Outcome, RunResult, Seconds};
    use serde_json::{Value, json};

    use super::{Observed, Step, plan};
    use crate::config::Config;
    use crate::configured;
    use crate::desk::Place;
    use crate::links::Link;
    use crate::pod_view::{Address, Ending, PodView};
    use crate::record::Record;

    const CREATED: &str = "2026-01-01T00:00:00Z";

    fn now(seconds: i64) -> Timestamp {
        CREATED.parse::<Timestamp>().expect("a time") + SignedDuration::from_secs(seconds)
    }

    fn run(spec: &Value, status: &Value) -> CodeRun {
        let mut spec_value = json!({"language": "python", "code": "print(1)"});
        spec_value.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
        serde_json::from_value(json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
            "metadata": {"name": "hello", "namespace": "team", "uid": "u1", "creationTimestamp": CREATED},
            "spec": spec_value, "status": status
        }))
        .expect("a CodeRun")
    }

    /// The step of a run that has or may have a pod of its own.
    fn step(run: &CodeRun, pod: PodView, link: Link, at: i64) -> Step {
        step_at(run, Some(cold()), pod, link, at)
    }

    fn cold() -> Place {
        Place::Cold { since: now(0) }
    }

    fn step_at(run: &CodeRun, place: Option<Place>, pod: PodView, link: Link, at: i64) -> Step {
        step_with(&served(), run, place, pod, link, at)
    }

    fn step_with(
        catalogue: &Catalogue,
        run: &CodeRun,
        place: Option<Place>,
        pod: PodView,
        link: Link,
        at: i64,
    ) -> Step {
        plan(&Observed { run, place, pod, pod_leaving: false, link, now: now(at) }, &Config::default(), catalogue)
    }

    /// The languages of the settings.
    fn served() -> Catalogue {
        Catalogue::of(&configured::languages(&Config::default()))
    }

    fn running() -> PodView {
        PodView::Running(address())
    }

    fn address() -> Address {
        Address { pod_name: "run-u1".into(), pod_uid: "p1".into(), ip: "10.0.0.9".into(), public_keys: "k".into() }
    }

    fn ending(outcome: Outcome, replaceable: bool) -> Ending {
        Ending { outcome, message: "told".into(), replaceable }
    }

    fn finished(result: RunResult) -> Link {
        let mut record = Record::default();
        record.push(Event::Finished { result });
        Link::Finished(Arc::new(record))
    }

    fn outcome(step: &Step) -> Option<Outcome> {
        if let Step::Finish(result) = step { Some(result.outcome) } else { None }
    }

    fn claimed() -> Value {
        let limits = json!({"timeoutSeconds": 5, "cpuSeconds": 5, "memory": "1", "outputBytes": 1, "processes": 1,
            "fileBytes": 1});
        json!({"podName": "run-u1", "podUID": "p1", "phase": "Running", "limits": limits})
    }

    #[test]
    fn a_run_goes_from_pod_to_claim_to_start_to_result() {
        let new = run(&json!({}), &json!({"phase": "Pending"}));
        assert!(matches!(step(&new, PodView::Absent, Link::None, 0), Step::CreatePod { .. }));
        assert_eq!(step(&new, running(), Link::None, 0), Step::Dial(address()));
        assert!(matches!(step(&new, running(), Link::Connected, 0), Step::Claim { .. }));
        let claimed = run(&json!({}), &claimed());
        let Step::Start(assignment) = step(&claimed, running(), Link::Connected, 0) else { panic!("it starts") };
        assert_eq!((assignment.uid.as_str(), assignment.program.language.as_str()), ("u1", "python"));
        let link = finished(RunResult::failed(Outcome::NonZeroExit, "status 3"));
        assert_eq!(outcome(&step(&claimed, running(), link, 0)), Some(Outcome::NonZeroExit));
    }

    #[test]
    fn a_run_asks_for_a_pod_and_is_told_when_it_waits_for_one() {
        let new = run(&json!({}), &json!({"phase": "Pending"}));
        let Step::Ask(need) = step_at(&new, None, PodView::Absent, Link::None, 0) else { panic!("it asks") };
        assert_eq!((need.language.as_str(), need.memory), ("python", 256 << 20));
        let queued = Some(Place::Queued("40 runs go on".into()));
        let at = |second| step_at(&new, queued.clone(), PodView::Absent, Link::None, second);
        assert_eq!(at(1), Step::Wait(Duration::from_secs(1)));
        assert!(
            matches!(at(2), Step::ReportWaiting { reason: "Queued", message } if message.contains("40 runs go on"))
        );
    }

    #[test]
    fn a_run_with_a_pod_that_waited_claims_it_or_asks_again() {
        let new = run(&json!({}), &json!({"phase": "Pending"}));
        let warm = |pod, link, at| step_at(&new, Some(Place::Warm(address())), pod, link, at);
        assert_eq!(warm(running(), Link::None, 0), Step::Dial(address()));
        assert!(matches!(warm(running(), Link::Connected, 0), Step::Claim { .. }));
        let broken = || Link::Dialling { since: now(0), error: "reset".into() };
        assert!(matches!(warm(running(), broken(), 2), Step::Wait(_)));
        assert_eq!(warm(running(), broken(), 3), Step::AskAgain);
        for gone in [PodView::Absent, PodView::Ended(ending(Outcome::NodeLost, true))] {
            assert_eq!(warm(gone, Link::Connected, 0), Step::AskAgain);
        }
    }

    #[test]
    fn only_the_runners_refusal_takes_a_claim_back() {
        let claimed = run(&json!({}), &claimed());
        assert_eq!(step(&claimed, running(), Link::Refused, 0), Step::Unclaim);
        let pods = [PodView::Absent, running(), PodView::Ended(ending(Outcome::NodeLost, true))];
        for pod in pods {
            for link in [Link::None, Link::Connected, Link::Dialling { since: now(0), error: String::new() }] {
                assert_ne!(step(&claimed, pod.clone(), link, 0), Step::Unclaim);
            }
        }
    }

    #[test]
    fn nothing_is_sent_before_the_claim_stands() {
        let new = run(&json!({}), &json!({}));
        for link in [Link::None, Link::Connected, Link::Refused, Link::Running { since: now(0) }] {
            assert!(!matches!(step(&new, running(), link, 0), Step::Start(_)));
        }
    }

    #[test]
    fn a_claimed_run_is_never_given_another_pod() {
        let run = run(&json!({}), &claimed());
        let gone = [
            (PodView::Absent, Outcome::NodeLost),
            (PodView::Ended(ending(Outcome::PodEvicted, true)), Outcome::PodEvicted),
            (PodView::Ended(ending(Outcome::NodeLost, true)), Outcome::NodeLost),
            (PodView::Ended(ending(Outcome::RunnerFailed, false)), Outcome::RunnerFailed),
            (PodView::Leaving { address: address(), ending: ending(Outcome::PodEvicted, true) }, Outcome::PodEvicted),
        ];
        for (pod, expected) in gone {
            for link in [Link::None, Link::Connected, Link::Running { since: now(0) }] {
                assert_eq!(outcome(&step(&run, pod.clone(), link, 0)), Some(expected));
            }
        }
    }

    #[test]
    fn a_claimed_run_whose_language_is_gone_goes_on_as_long_as_its_pod_may_run_it() {
        let run = run(&json!({}), &claimed());
        let step = |pod, link| step_with(&Catalogue::default(), &run, None, pod, link, 0);
        assert_eq!(step(running(), Link::None), Step::Dial(address()));
        // Its runner knows whether it has started there.
        assert_eq!(step(running(), Link::Connected), Step::Resume);
        for link in [Link::Dialling { since: now(0), error: String::new() }, Link::Running { since: now(0) }] {
            assert!(matches!(step(running(), link), Step::Wait(_)));
        }
        let result = finished(RunResult::failed(Outcome::NonZeroExit, "status 3"));
        assert_eq!(outcome(&step(running(), result)), Some(Outcome::NonZeroExit));
        assert_eq!(outcome(&step(PodView::Absent, Link::None)), Some(Outcome::NodeLost));
        // One that never started has no claim any more, and then no language.
        assert_eq!(step(running(), Link::Refused), Step::Unclaim);
    }

    #[test]
    fn a_run_whose_language_is_gone_before_its_claim_ends_whatever_it_has_been_given() {
        let run = run(&json!({}), &json!({"phase": "Pending"}));
        for place in [None, Some(Place::Queued(String::new())), Some(Place::Warm(address())), Some(cold())] {
            for (pod, link) in [(PodView::Absent, Link::None), (running(), Link::Connected)] {
                let step = step_with(&Catalogue::default(), &run, place.clone(), pod, link, 0);
                assert_eq!(outcome(&step), Some(Outcome::UnknownLanguage));
            }
        }
    }

    #[test]
    fn a_claimed_run_is_waited_for_by_the_limits_of_its_claim_whatever_the_language_says_now() {
        let mut objects = configured::languages(&Config::default());
        for object in &mut objects {
            object.spec.limits =
                Some(locus_api::RequestedLimits { timeout_seconds: Some(Seconds::whole(1)), ..Default::default() });
        }
        let shorter = Catalogue::of(&objects);
        let mut status = claimed();
        status["limits"]["timeoutSeconds"] = json!(100);
        status["limits"]["compileTimeoutSeconds"] = json!(30);
        let run = run(&json!({}), &status);
        for catalogue in [served(), shorter, Catalogue::default()] {
            let at = |second| step_with(&catalogue, &run, None, running(), Link::Running { since: now(0) }, second);
            assert!(matches!(at(189), Step::Wait(_)));
            assert_eq!(outcome(&at(190)), Some(Outcome::RunnerFailed));
        }
    }

    #[test]
    fn a_pod_that_no_run_was_sent_to_is_replaced_for_a_while() {
        let run = run(&json!({}), &json!({}));
        let evicted = PodView::Ended(ending(Outcome::PodEvicted, true));
        assert_eq!(step(&run, evicted.clone(), Link::None, 10), Step::ReplacePod);
        assert_eq!(outcome(&step(&run, evicted, Link::None, 300)), Some(Outcome::PodEvicted));
        let failed = PodView::Ended(ending(Outcome::RunnerFailed, false));
        assert_eq!(outcome(&step(&run, failed, Link::None, 10)), Some(Outcome::RunnerFailed));
    }

    #[test]
    fn what_can_not_run_ends_without_a_pod() {
        for (spec, expected) in [
            (json!({"language": "klingon"}), Outcome::UnknownLanguage),
            (json!({"files": [{"name": "a", "content": "b"}]}), Outcome::InvalidRequest),
            (json!({"cancelRequested": true}), Outcome::Cancelled),
        ] {
            let run = run(&spec, &json!({}));
            assert_eq!(outcome(&step(&run, PodView::Absent, Link::None, 0)), Some(expected), "{spec}");
        }
    }

    #[test]
    fn a_run_that_waits_is_told_so_once_and_ends_when_no_node_takes_it() {
        let pending = PodView::Waiting { since: now(0), message: "0/1 nodes".into() };
        let new = run(&json!({}), &json!({"phase": "Pending"}));
        assert_eq!(step(&new, pending.clone(), Link::None, 1), Step::Wait(Duration::from_secs(1)));
        assert!(matches!(step(&new, pending.clone(), Link::None, 2), Step::ReportWaiting { .. }));
        let told = run(
            &json!({}),
            &json!({"conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "PodPending",
                "message": "", "lastTransitionTime": CREATED}]}),
        );
        assert!(matches!(step(&told, pending.clone(), Link::None, 2), Step::Wait(_)));
        assert_eq!(outcome(&step(&told, pending, Link::None, 300)), Some(Outcome::PodRejected));
    }

    #[test]
    fn cancelling_a_running_run_asks_its_runner() {
        let run = run(&json!({"cancelRequested": true}), &claimed());
        assert_eq!(step(&run, running(), Link::Running { since: now(0) }, 1), Step::Cancel);
    }

    #[test]
    fn a_runner_that_stops_unasked_is_explained_by_its_pod() {
        let run = run(&json!({}), &claimed());
        let link = finished(RunResult::failed(Outcome::Cancelled, "stopped"));
        let pod = PodView::Leaving { address: address(), ending: ending(Outcome::PodEvicted, true) };
        assert_eq!(outcome(&step(&run, pod, link.clone(), 0)), Some(Outcome::PodEvicted));
        assert_eq!(outcome(&step(&run, running(), link, 0)), Some(Outcome::RunnerFailed));
    }

    #[test]
    fn a_runner_that_does_not_answer_ends_the_run_after_its_limits_and_a_grace() {
        let run = run(&json!({"limits": {"timeoutSeconds": 5}}), &claimed());
        for link in [Link::Dialling { since: now(0), error: "refused".into() }, Link::Running { since: now(0) }] {
            assert!(matches!(step(&run, running(), link.clone(), 64), Step::Wait(_)));
            assert_eq!(outcome(&step(&run, running(), link, 65)), Some(Outcome::RunnerFailed));
        }
    }

    #[test]
    fn a_finished_run_is_cleaned_up_then_kept_for_its_time() {
        let status = json!({"outcome": "Completed", "completionTime": CREATED});
        let done = run(&json!({"ttlSecondsAfterFinished": 60}), &status);
        assert_eq!(step(&done, running(), Link::None, 0), Step::CleanUp);
        assert_eq!(step(&done, PodView::Absent, Link::Connected, 0), Step::CleanUp);
        assert_eq!(step(&done, PodView::Absent, Link::None, 20), Step::Wait(Duration::from_secs(40)));
        assert_eq!(step(&done, PodView::Absent, Link::None, 60), Step::DeleteRun);
        let default = run(&json!({}), &status);
        assert_eq!(step(&default, PodView::Absent, Link::None, 3600), Step::DeleteRun);
    }

    #[test]
    fn a_pod_with_more_than_the_status_holds_is_kept_for_a_while_and_no_longer_than_its_run() {
        let ended = |ttl: u32, until: i64| {
            let until = serde_json::to_value(now(until)).expect("a time");
            let status = json!({"outcome": "Completed", "completionTime": CREATED, "podName": "run-u1", "podUID": "p1",
                "podKeptUntil": until});
            run(&json!({"ttlSecondsAfterFinished": ttl}), &status)
        };
        let link = || finished(RunResult::failed(Outcome::Completed, ""));
        assert_eq!(step(&ended(600, 60), running(), link(), 20), Step::Wait(Duration::from_secs(40)));
        assert_eq!(step(&ended(600, 60), running(), Link::None, 20), Step::Wait(Duration::from_secs(40)));
        assert_eq!(step(&ended(600, 60), running(), link(), 60), Step::CleanUp);
        assert_eq!(step(&ended(30, 60), running(), link(), 20), Step::Wait(Duration::from_secs(10)));
        assert_eq!(step(&ended(30, 60), running(), link(), 30), Step::CleanUp);
        // Whoever wrote it: no pod is kept for longer than the settings say.
        assert_eq!(step(&ended(600, 500), running(), link(), 20), Step::Wait(Duration::from_secs(40)));
        let gone = [PodView::Ended(ending(Outcome::NodeLost, true)), PodView::Absent];
        for pod in gone {
            assert_eq!(step(&ended(600, 60), pod, link(), 20), Step::CleanUp);
        }
        assert_eq!(step(&ended(600, 60), PodView::Absent, Link::None, 20), Step::Wait(Duration::from_secs(580)));
    }

    #[test]
    fn a_run_with_tests_sends_what_goes_in_and_never_what_is_to_come_out() {
        let tests = json!([{"name": "n", "stdin": "in", "expectedStdout": "secret"}, {"args": ["b"]}]);
        let run = run(&json!({"args": ["a"], "tests": tests}), &claimed());
        let Step::Start(assignment) = step(&run, running(), Link::Connected, 0) else { panic!("it starts") };
        let inputs: Vec<_> = assignment.cases.iter().map(|case| (case.stdin.as_str(), case.args[0].as_str())).collect();
        assert_eq!(inputs, [("in", "a"), ("", "b")]);
        assert!(!serde_json::to_string(&assignment).expect("it serializes").contains("secret"));
    }

    #[test]
    fn all_tests_together_have_a_bound_and_are_waited_for() {
        let tests = |count| json!({"tests": vec![json!({}); count], "limits": {"timeoutSeconds": 300}});
        let limits = |count| {
            let new = run(&tests(count), &json!({"phase": "Pending"}));
            let Step::CreatePod { limits, .. } = step(&new, PodView::Absent, Link::None, 0) else { panic!("a pod") };
            limits.timeout_seconds
        };
        assert_eq!([1, 2, 100].map(limits), [300, 600, 3600].map(Seconds::whole));
        let run = run(&tests(100), &claimed());
        let at = |second| step(&run, running(), Link::Running { since: now(0) }, second);
        assert!(matches!(at(559), Step::Wait(_)));
        assert_eq!(outcome(&at(560)), Some(Outcome::RunnerFailed));
    }
}
