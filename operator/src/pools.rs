//! Keeps each Pool's pods waiting: observe what there is, [`plan_pool`], apply.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::reflector::Store;
use kube::{Api, ResourceExt as _};
use locus_api::{Catalogue, CodeRun, Pool, PoolStatus, READY, Served, labels, memory_bytes};
use locus_core::{Limits, LimitsRequest, Outcome, Standby};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::evidence::Verdict;
use crate::links::lock;
use crate::plan::{is_finished, kept};
use crate::pod::{self, PodRequest, Purpose};
use crate::pod_view::{Ending, PodView};
use crate::pool_plan::{PodState, PoolObserved, PoolPlan, PoolPod, plan_pool};
use crate::reconcile::{Operator, only};
use crate::share::{Need, PoolOffer};
use crate::standby::Standing;

/// How long new pods are put off for runs that are about to have their answer.
const PUT_OFF: Duration = Duration::from_secs(1);
/// The time that one look at all pools may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// Changes within this time are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(2);
/// A pool is looked at this often even when nothing seems to happen.
const PERIOD: Duration = Duration::from_secs(10);
/// How long the status of a pool is another one before it is written: a pod that a short run took is soon replaced.
const STATUS_PERIOD: Duration = Duration::from_secs(5);
/// The longest rest after failures.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// The time within which the watch shows a pod that was made.
const UNSEEN: Duration = Duration::from_secs(30);
/// Seconds after which a pod that has not started is told of.
const PENDING_SECONDS: i64 = 10;
/// Seconds after which a pod that can't start is given up, since another node may do better.
const STUCK_SECONDS: i64 = 60;
/// The longest name of a pool: pods bear it as a label and in their names.
const NAME_MAX: usize = 40;

/// What is remembered of a pool between two looks.
#[derive(Default)]
struct Memory {
    /// Pods that failed with none between them that came to wait, and when the last one did.
    failures: u32,
    failed_at: Option<Instant>,
    /// UIDs of the pods that were counted, as failed or as good.
    counted: HashSet<String>,
    /// What pods have told of the language's image, by UID: for which generation of the language, and whether it was good.
    heard: HashMap<String, (i64, bool)>,
    /// Since when new pods are put off.
    put_off: Option<Instant>,
    /// What went wrong last, in one word and one sentence.
    trouble: Option<(&'static str, String)>,
    /// Since when the status that is written is not the true one.
    untold: Option<Instant>,
    /// The generation that was told last.
    told: Option<i64>,
}

impl Memory {
    fn fail(&mut self, reason: &'static str, message: String) {
        self.failures += 1;
        self.failed_at = Some(Instant::now());
        self.trouble = Some((reason, message));
    }

    /// Learns from how a pod stands, once for each pod.
    fn learn(&mut self, uid: &str, state: &PodState, pending: Option<String>) {
        match state {
            PodState::Stuck { reason, message } => self.trouble = Some((reason, message.clone())),
            PodState::Ended { reason, message } => {
                if self.counted.insert(uid.to_owned()) {
                    self.fail(reason, message.clone());
                }
            }
            PodState::Free => {
                if self.counted.insert(uid.to_owned()) {
                    (self.failures, self.failed_at, self.trouble) = (0, None, None);
                }
            }
            PodState::Starting => self.trouble = pending.map(|message| ("PodPending", message)).or(self.trouble.take()),
            PodState::Claimed | PodState::Silent | PodState::Retired => {}
        }
    }

    /// What a pod tells of its image, once for each generation of the language. One that was good once, and a run had
    /// perhaps, tells nothing by its end.
    fn hear(&mut self, uid: &str, state: &PodState, generation: i64) -> Option<Verdict> {
        let (good, verdict) = match state {
            PodState::Free => (true, Some(Verdict::Served)),
            PodState::Claimed | PodState::Silent | PodState::Retired => (true, None),
            PodState::Stuck { reason, message } => {
                let outcome = Outcome::named(reason);
                (false, outcome.and_then(|outcome| Verdict::of_failure(outcome, message)))
            }
            PodState::Ended { reason, message } if *reason == Outcome::RunnerFailed.as_str() => {
                (false, Verdict::of_failure(Outcome::RunnerFailed, message))
            }
            // Any other end is that of a pod which the node would not have, or of the node.
            PodState::Starting | PodState::Ended { .. } => return None,
        };
        let before = self.heard.get(uid);
        if before.is_some_and(|(heard, was_good)| if good { *was_good && *heard == generation } else { true }) {
            return None;
        }
        self.heard.insert(uid.to_owned(), (generation, good));
        verdict
    }

    fn rest(&self) -> Option<Duration> {
        let whole = Duration::from_secs(1 << self.failures.min(9)).min(LONGEST_REST);
        whole.checked_sub(self.failed_at?.elapsed()).filter(|rest| self.failures > 0 && !rest.is_zero())
    }
}

/// What a pool's pods are to be like.
struct Template<'a> {
    served: &'a Served,
    image: String,
    limits: Limits,
    standby: Standby,
}

/// Looks after all pools, again and again.
pub async fn run(operator: &Operator, pools: &Store<Pool>, runs: &Store<CodeRun>) {
    let mut memories: HashMap<String, Memory> = HashMap::new();
    loop {
        // One request that is never answered must not be the end of all pools.
        let looked = timeout(LOOK_TIMEOUT, look(operator, pools, runs, &mut memories)).await;
        let look_again = looked.ok().flatten().unwrap_or(PERIOD);
        let _ = timeout(look_again.min(PERIOD), operator.pools_changed.notified()).await;
        sleep(DEBOUNCE).await;
    }
}

/// Looks at all pools once; gives the time after which to look again.
async fn look(
    operator: &Operator,
    pools: &Store<Pool>,
    runs: &Store<CodeRun>,
    memories: &mut HashMap<String, Memory>,
) -> Option<Duration> {
    let catalogue = operator.catalogue()?;
    let pools = pools.state();
    let pods = operator.pods.state();
    memories.retain(|name, _| pools.iter().any(|pool| pool.name_any() == *name));
    remove_strays(operator, &pools, &pods, runs).await;
    let (mut offers, mut observed) = (Vec::new(), Vec::new());
    let mut warm = BTreeMap::<String, u32>::new();
    for pool in &pools {
        let memory = memories.entry(pool.name_any()).or_default();
        let template = template(operator, &catalogue, pool);
        let pods = observe(operator, pool, template.as_ref().ok(), &pods, memory);
        if let Ok(template) = &template {
            *warm.entry(template.served.object.clone()).or_default() += count(&pods, &PodState::Free);
            offers.push(PoolOffer {
                name: pool.name_any(),
                has: Need { language: template.served.object.clone(), memory: template.limits.memory_bytes },
                burst: pool.spec.burst.map(|burst| burst as usize),
                free: Vec::new(),
            });
        }
        observed.push((pool, template, pods));
    }
    let starting = observed.iter().flat_map(|(_, _, pods)| pods).filter(|pod| pod.state == PodState::Starting).count();
    operator.evidence.set_warm(warm);
    operator.desk.set_pools(offers, starting);
    operator.desk.turn((operator.clock)());
    let mut look_again: Option<Duration> = None;
    let mut room = operator.desk.room_to_start();
    for (pool, template, pods) in observed {
        let memory = memories.entry(pool.name_any()).or_default();
        let next = tend(operator, pool, template, &pods, memory, &mut room).await;
        look_again = [look_again, next].into_iter().flatten().min();
    }
    look_again
}

/// Takes the steps for one pool.
async fn tend(
    operator: &Operator,
    pool: &Pool,
    template: Result<Template<'_>, (&'static str, String)>,
    pods: &[PoolPod],
    memory: &mut Memory,
    room: &mut usize,
) -> Option<Duration> {
    let is_going = pool.metadata.deletion_timestamp.is_some();
    let plan = plan_pool(&PoolObserved {
        size: if is_going || template.is_err() { 0 } else { pool.spec.size as usize },
        min_free: pool.spec.min_free.unwrap_or(0) as usize,
        pods,
        answering: operator.desk.is_answering(),
        overdue: memory.put_off.is_some_and(|since| since.elapsed() >= PUT_OFF),
        rest: memory.rest(),
        room: *room,
    });
    *room -= plan.create;
    memory.put_off = if plan.put_off { memory.put_off.or_else(|| Some(Instant::now())) } else { None };
    if let Err((reason, message)) = &template {
        memory.trouble = Some((reason, message.clone()));
    }
    let template = template.ok();
    apply(operator, pool, template.as_ref(), &plan, memory).await;
    let image = template.map(|template| template.image);
    let status_in = if is_going { None } else { tell(operator, pool, pods, image, memory).await };
    [plan.look_again, status_in].into_iter().flatten().min()
}

async fn apply(
    operator: &Operator,
    pool: &Pool,
    template: Option<&Template<'_>>,
    plan: &PoolPlan,
    memory: &mut Memory,
) {
    let gone = plan.remove.iter().chain(&plan.retire);
    let gone: Vec<_> =
        gone.filter_map(|uid| operator.pods.find(|pod| pod.metadata.uid.as_ref() == Some(uid))).collect();
    join_all(gone.iter().map(|pod| give_up(operator, pod))).await;
    let Some(template) = template else { return };
    for _ in 0..plan.create {
        if let Err((reason, message)) = create(operator, pool, template).await {
            tracing::warn!(pool.name = pool.name_any(), %message, "a waiting pod can't be made");
            memory.fail(reason, message);
            return;
        }
    }
}

async fn create(operator: &Operator, pool: &Pool, template: &Template<'_>) -> Result<(), (&'static str, String)> {
    let pool_name = pool.name_any();
    let name = format!("{pool_name}-{:08x}", fastrand::u32(..));
    let request = PodRequest {
        purpose: Purpose::Pool { pool: &pool_name, pod: &name },
        image: &template.image,
        limits: template.limits,
        with_tests: true,
        user: operator.users.assign(&name, &operator.config.uids, &operator.pods),
        public_keys: &operator.keys.public_keys(),
        standby: &template.standby,
    };
    let pod = pod::build(request, &operator.config);
    operator.metrics.write("pods", "create");
    lock(&operator.made).insert(name.clone(), (pool_name.clone(), Instant::now()));
    let created = pods(operator).create(&PostParams::default(), &pod).await;
    if matches!(created, Err(kube::Error::Api(_))) {
        lock(&operator.made).remove(&name);
    }
    created.map(drop).map_err(|error| match &error {
        kube::Error::Api(answer) if answer.code == 403 && answer.message.contains("quota") => {
            ("QuotaExceeded", answer.message.clone())
        }
        kube::Error::Api(answer) => (Outcome::PodRejected.as_str(), answer.message.clone()),
        _ => ("Unreachable", error.to_string()),
    })
}

/// What the pods of a pool are to be like, or why there can be none.
fn template<'a>(
    operator: &Operator,
    catalogue: &'a Catalogue,
    pool: &Pool,
) -> Result<Template<'a>, (&'static str, String)> {
    let config = &operator.config;
    if pool.name_any().len() > NAME_MAX {
        return Err((
            "InvalidName",
            format!("a pool's name has at most {NAME_MAX} characters, since its pods bear it too"),
        ));
    }
    let served =
        catalogue.find(&pool.spec.language).map_err(|error| (Outcome::UnknownLanguage.as_str(), error.to_string()))?;
    let language = &served.language;
    let default = Limits::clamp(language.limits, config.limits.default, config.limits.maximum);
    let memory = pool.spec.limits.as_ref().and_then(|limits| limits.memory.as_deref()).and_then(memory_bytes);
    // Only memory is the pod's to give: the other limits are the runner's, up to the most that any run may have.
    let memory = memory.unwrap_or(default.memory_bytes);
    let asked = LimitsRequest { memory_bytes: Some(memory), ..LimitsRequest::default() };
    let limits = Limits::clamp(asked, config.limits.maximum, config.limits.maximum);
    let image = pool.spec.image.clone().unwrap_or_else(|| served.image.clone());
    let standby = Standby { program: language.program(), limits, network: config.pod.network };
    Ok(Template { served, image, limits, standby })
}

/// The pods of a pool, those included that the watch has not shown yet.
fn observe(
    operator: &Operator,
    pool: &Pool,
    template: Option<&Template<'_>>,
    pods: &[Arc<Pod>],
    memory: &mut Memory,
) -> Vec<PoolPod> {
    let name = pool.name_any();
    let keys = operator.keys.public_keys();
    let current = template
        .map(|template| pod::template(&template.image, template.limits, &keys, &template.standby, &operator.config));
    let now = (operator.clock)();
    let mut of_pool: Vec<_> = pods.iter().filter(|pod| pod.labels().get(labels::POOL) == Some(&name)).collect();
    // The newest first: two operators that find one pod too many both choose the same.
    of_pool.sort_by_key(|pod| Reverse((pod.creation_timestamp().map(|time| time.0), pod.name_any())));
    let is_there = |uid: &String| of_pool.iter().any(|pod| pod.metadata.uid.as_ref() == Some(uid));
    memory.counted.retain(is_there);
    memory.heard.retain(|uid, _| is_there(uid));
    // A pool may have an image of its own.
    let served = template.filter(|template| template.image == template.served.image).map(|template| template.served);
    let mut found = Vec::new();
    for pod in &of_pool {
        let age = pod.creation_timestamp().map_or(0, |time| now.duration_since(time.0).as_secs());
        let (uid, state) = (pod.uid().unwrap_or_default(), state_of(operator, pod));
        let state = match state {
            PodState::Stuck { reason, message } if age >= STUCK_SECONDS => PodState::Ended { reason, message },
            state => state,
        };
        let pending = match PodView::of(pod) {
            PodView::Waiting { message, .. } if age >= PENDING_SECONDS => Some(message),
            _ => None,
        };
        memory.learn(&uid, &state, pending);
        let young = age < i64::from(operator.config.retention.waiting_pod_seconds);
        let current = young && pod.labels().get(labels::TEMPLATE) == current.as_ref();
        if let Some(served) = served.filter(|_| current)
            && let Some(verdict) = memory.hear(&uid, &state, served.generation)
        {
            operator.evidence.note(served, verdict);
        }
        found.push(PoolPod { uid, state, current });
    }
    let mut made = lock(&operator.made);
    made.retain(|_, (_, since)| since.elapsed() < UNSEEN);
    let unseen = made.values().filter(|(pool, _)| *pool == name).count();
    let starting = PoolPod { uid: String::new(), state: PodState::Starting, current: true };
    found.extend(std::iter::repeat_n(starting, unseen));
    found
}

fn state_of(operator: &Operator, pod: &Pod) -> PodState {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    if pod.metadata.deletion_timestamp.is_some() || operator.desk.run_with(uid).is_some() {
        return PodState::Claimed;
    }
    let reason = |ending: &Ending| ending.outcome.as_str();
    match PodView::of(pod) {
        PodView::Stuck(ending) => PodState::Stuck { reason: reason(&ending), message: ending.message },
        PodView::Ended(ending) => PodState::Ended { reason: reason(&ending), message: ending.message },
        PodView::Running(_) | PodView::Leaving { .. } => match operator.standbys.standing(uid) {
            Some(Standing::Free) => PodState::Free,
            Some(Standing::Dialling) if operator.standbys.is_dead(uid) => PodState::Ended {
                reason: Outcome::RunnerFailed.as_str(),
                message: "the pod's runner does not answer".into(),
            },
            Some(Standing::Dialling) if operator.standbys.is_silent(uid) => PodState::Silent,
            None | Some(Standing::Dialling) => PodState::Starting,
            Some(Standing::Retired) => PodState::Retired,
            Some(Standing::Taken | Standing::Occupied(_)) => PodState::Claimed,
        },
        PodView::Waiting { .. } | PodView::Absent => PodState::Starting,
    }
}

/// Removes waiting pods whose pool is gone, and pods whose runner has a run that is gone or has its result.
async fn remove_strays(operator: &Operator, pools: &[Arc<Pool>], pods: &[Arc<Pod>], runs: &Store<CodeRun>) {
    for pod in pods {
        let Some(pool) = pod.labels().get(labels::POOL) else { continue };
        let is_gone = !pools.iter().any(|known| known.name_any() == *pool);
        let uid = pod.uid().unwrap_or_default();
        if operator.standbys.is_taken_long(&uid) && operator.desk.run_with(&uid).is_none() {
            operator.standbys.release(&uid);
        }
        if is_gone && state_of(operator, pod) != PodState::Claimed {
            give_up(operator, pod).await;
        }
    }
    let occupied = operator.standbys.occupied();
    let find = |uid: &String| runs.find(|run| run.metadata.uid.as_ref() == Some(uid));
    // Another operator may have seen a run earlier: that one is gone is believed of the API server alone.
    let known = if occupied.iter().all(|(_, run)| find(run).is_some()) { None } else { all_runs(operator).await };
    for (address, run_uid) in occupied {
        let done = match (find(&run_uid), &known) {
            (Some(run), _) => is_finished(&run) && kept(&run, (operator.clock)(), &operator.config).is_none(),
            (None, Some(known)) => !known.contains(&run_uid),
            (None, None) => false,
        };
        if done {
            remove(operator, &address.pod_name, only(Some(address.pod_uid))).await;
        }
    }
}

/// The UIDs of all CodeRuns that the API server knows.
async fn all_runs(operator: &Operator) -> Option<HashSet<String>> {
    let all = Api::<CodeRun>::all(operator.client.clone()).list_metadata(&ListParams::default()).await.ok()?;
    Some(all.items.into_iter().filter_map(|run| run.metadata.uid).collect())
}

/// Removes a pod that waits, so that no run is lost which somebody may be about to send there: a runner has to say first
/// that it takes none any more, and a pod without one must not have changed since it was seen.
async fn give_up(operator: &Operator, pod: &Pod) {
    let uid = pod.uid().unwrap_or_default();
    let unchanged = match operator.standbys.standing(&uid) {
        Some(_) if operator.standbys.abandon(&uid) || operator.standbys.retire(&uid).await => None,
        Some(_) => return,
        None => pod.resource_version(),
    };
    let same = Preconditions { uid: Some(uid), resource_version: unchanged };
    remove(operator, &pod.name_any(), same).await;
}

async fn remove(operator: &Operator, name: &str, same: Preconditions) {
    if let Err(error) = operator.remove_pod(name, same, false).await {
        tracing::warn!(pod.name = name, %error, "pod not removed, trying again");
    }
}

/// Writes the pool's status when it has been another one for a while. Gives the time after which it may be written, when
/// it is too early.
async fn tell(
    operator: &Operator,
    pool: &Pool,
    pods: &[PoolPod],
    image: Option<String>,
    memory: &mut Memory,
) -> Option<Duration> {
    let [ready, starting, claimed] =
        [PodState::Free, PodState::Starting, PodState::Claimed].map(|state| count(pods, &state));
    let in_trouble =
        image.is_none() || pods.iter().any(|pod| matches!(pod.state, PodState::Stuck { .. } | PodState::Ended { .. }));
    let (status, reason, message) = match &memory.trouble {
        Some((reason, message)) if in_trouble || ready < pool.spec.size => ("False", *reason, message.clone()),
        _ if ready >= pool.spec.size => ("True", "AllReady", format!("{ready} pods wait for runs")),
        _ => ("False", "Filling", format!("{ready} of {} pods wait for runs", pool.spec.size)),
    };
    let old = pool.status.clone().unwrap_or_default();
    let before = old.conditions.iter().find(|condition| condition.type_ == READY);
    let since =
        before.filter(|condition| condition.status == status).map(|condition| condition.last_transition_time.clone());
    let new = PoolStatus {
        observed_generation: pool.metadata.generation,
        conditions: vec![Condition {
            type_: READY.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.chars().take(1024).collect(),
            last_transition_time: since.unwrap_or_else(|| Time((operator.clock)())),
            observed_generation: pool.metadata.generation,
        }],
        ready,
        starting,
        claimed,
        image,
    };
    if new == old {
        memory.untold = None;
        return None;
    }
    let since = *memory.untold.get_or_insert_with(Instant::now);
    let early = STATUS_PERIOD.saturating_sub(since.elapsed());
    // That the spec was seen is told at once, and once.
    let told = new.observed_generation == old.observed_generation || memory.told == new.observed_generation;
    if told && !early.is_zero() {
        return Some(early);
    }
    (memory.untold, memory.told) = (None, new.observed_generation);
    let api: Api<Pool> = Api::namespaced(operator.client.clone(), &operator.config.run_namespace);
    operator.metrics.write("pools", "patch");
    let mut patch = json!({ "status": new });
    // One that there is no more has to be named to go.
    patch["status"]["image"] = json!(new.image);
    let patch = Patch::Merge(patch);
    if let Err(error) = api.patch_status(&pool.name_any(), &PatchParams::default(), &patch).await {
        tracing::warn!(pool.name = pool.name_any(), %error, "status of the pool not written");
    }
    None
}

fn count(pods: &[PoolPod], state: &PodState) -> u32 {
    u32::try_from(pods.iter().filter(|pod| pod.state == *state).count()).unwrap_or(u32::MAX)
}

fn pods(operator: &Operator) -> Api<Pod> {
    Api::namespaced(operator.client.clone(), &operator.config.run_namespace)
}

#[cfg(test)]
mod tests {
    use super::{Memory, PodState};
    use crate::evidence::Verdict;

    fn ended() -> PodState {
        PodState::Ended { reason: "RunnerFailed", message: String::new() }
    }

    #[test]
    fn a_pod_tells_once_of_its_image_and_its_end_after_a_run_tells_nothing() {
        let mut memory = Memory::default();
        assert_eq!(memory.hear("a", &PodState::Starting, 1), None);
        assert_eq!(memory.hear("a", &PodState::Free, 1), Some(Verdict::Served));
        for state in [PodState::Free, PodState::Claimed, ended()] {
            assert_eq!(memory.hear("a", &state, 1), None);
        }
        assert_eq!(memory.hear("taken", &PodState::Claimed, 1), None);
        assert_eq!(memory.hear("taken", &ended(), 1), None);
        // A language that has changed in what no pod is made from.
        assert_eq!(memory.hear("a", &PodState::Free, 2), Some(Verdict::Served));
    }

    #[test]
    fn a_pod_that_is_stuck_tells_so_and_tells_when_it_runs_after_all() {
        let mut memory = Memory::default();
        let stuck = PodState::Stuck { reason: "ImagePullFailed", message: String::new() };
        assert!(matches!(memory.hear("a", &stuck, 1), Some(Verdict::Failed { reason: "ImagePullFailed", .. })));
        assert_eq!(memory.hear("a", &ended(), 1), None);
        assert_eq!(memory.hear("a", &PodState::Free, 1), Some(Verdict::Served));
        let lost = PodState::Ended { reason: "NodeLost", message: String::new() };
        assert_eq!(memory.hear("b", &lost, 1), None);
    }
}
