//! What to do next for a Pool. Pure: the mirror of [`crate::plan`] for pods that wait.

use std::time::Duration;

/// A pod of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPod {
    /// Its UID; empty until the watch has shown it.
    pub uid: String,
    /// How it stands.
    pub state: PodState,
    /// Whether it is what the pool would make now, and not too old.
    pub current: bool,
}

/// How a pod of a pool stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodState {
    /// On its way.
    Starting,
    /// On its way, and it will not get there as things are.
    Stuck {
        /// The reason in one word.
        reason: &'static str,
        /// What the node says.
        message: String,
    },
    /// It waits for a run.
    Free,
    /// Its runner has answered once and does not any more: nobody gets it, and it is not counted as one that waits.
    Silent,
    /// It takes no run any more and only has to be removed.
    Retired,
    /// A run has it, or it is about to go.
    Claimed,
    /// It has ended, or never came to run, with no run in it.
    Ended {
        /// The reason in one word.
        reason: &'static str,
        /// What happened.
        message: String,
    },
}

/// What is known of a pool.
#[derive(Debug, Clone)]
pub struct PoolObserved<'a> {
    /// Pods that are to wait.
    pub size: usize,
    /// With fewer than this, new ones are made whatever else goes on.
    pub min_free: usize,
    /// Its pods.
    pub pods: &'a [PoolPod],
    /// Whether a run is about to have its answer, which new pods would slow down.
    pub answering: bool,
    /// Whether new pods were put off for that already for as long as may be.
    pub overdue: bool,
    /// How long no new pods are made after some have failed.
    pub rest: Option<Duration>,
    /// How many more pods may be on their way.
    pub room: usize,
}

/// What to do for a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolPlan {
    /// Pods to make.
    pub create: usize,
    /// UIDs of pods to remove that might be taken meanwhile.
    pub retire: Vec<String>,
    /// UIDs of pods to remove that have ended or were retired.
    pub remove: Vec<String>,
    /// Pods that are missing and put off until runs have their answer.
    pub put_off: bool,
    /// When to look again, if nothing happens until then.
    pub look_again: Option<Duration>,
}

/// How often a pool looks at what it has put off.
const SOON: Duration = Duration::from_millis(100);

/// The next steps for a pool.
#[must_use]
pub fn plan_pool(observed: &PoolObserved<'_>) -> PoolPlan {
    let pods = observed.pods;
    let count = |current: bool, state: fn(&PodState) -> bool| {
        pods.iter().filter(|pod| pod.current == current && state(&pod.state)).count()
    };
    let is_free = |state: &PodState| *state == PodState::Free;
    let is_starting = |state: &PodState| *state == PodState::Starting;
    let is_stuck = |state: &PodState| matches!(state, PodState::Stuck { .. });
    let (free, starting, stuck) = (count(true, is_free), count(true, is_starting), count(true, is_stuck));
    let old_free = count(false, is_free);
    let mut plan = PoolPlan {
        remove: pods
            .iter()
            .filter(|pod| matches!(pod.state, PodState::Ended { .. } | PodState::Retired))
            .map(|pod| pod.uid.clone())
            .collect(),
        ..PoolPlan::default()
    };
    retire(observed, &mut plan, free, starting, old_free);

    let missing = observed.size.saturating_sub(free + starting + stuck);
    if missing == 0 || stuck > 0 {
        // As long as one pod can't start, others could not either.
        return plan;
    }
    if let Some(rest) = observed.rest {
        plan.look_again = Some(rest);
        return plan;
    }
    if observed.answering && !observed.overdue && free + old_free >= observed.min_free {
        plan.put_off = true;
        plan.look_again = Some(SOON);
        return plan;
    }
    // While old pods still wait, new ones take their place one by one.
    let step =
        if old_free > 0 && free + old_free >= observed.size { 1_usize.saturating_sub(starting) } else { missing };
    plan.create = missing.min(step).min(observed.room);
    if plan.create < missing {
        plan.look_again = Some(Duration::from_secs(1));
    }
    plan
}

/// Which pods are too many. Old ones go first, those that do not wait yet before those that do.
fn retire(observed: &PoolObserved<'_>, plan: &mut PoolPlan, free: usize, starting: usize, old_free: usize) {
    let uids = |current: bool, wanted: fn(&PodState) -> bool| {
        let pods = observed.pods.iter().filter(move |pod| pod.current == current && wanted(&pod.state));
        pods.filter(|pod| !pod.uid.is_empty()).map(|pod| pod.uid.clone())
    };
    let on_its_way = |state: &PodState| matches!(state, PodState::Starting | PodState::Stuck { .. });
    let is_free = |state: &PodState| *state == PodState::Free;
    plan.retire.extend(uids(false, on_its_way));
    let surplus_free = (free + old_free).saturating_sub(observed.size);
    plan.retire.extend(uids(false, is_free).take(surplus_free));
    let starting_ones: Vec<String> = uids(true, |state| *state == PodState::Starting).collect();
    // One that nobody has seen yet may never come.
    let surplus = (free + starting.min(starting_ones.len())).saturating_sub(observed.size);
    let starting_ones: Vec<String> = starting_ones.into_iter().take(surplus).collect();
    let left = surplus.saturating_sub(starting_ones.len());
    plan.retire.extend(starting_ones);
    plan.retire.extend(uids(true, is_free).take(left));
    if observed.size == 0 {
        plan.retire.extend(uids(true, |state| matches!(state, PodState::Stuck { .. })));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{PodState, PoolObserved, PoolPlan, PoolPod, plan_pool};

    fn pod(name: &str, state: PodState, current: bool) -> PoolPod {
        PoolPod { uid: name.into(), state, current }
    }

    fn stuck() -> PodState {
        PodState::Stuck { reason: "ImagePullFailed", message: "told".into() }
    }

    fn observed(size: usize, pods: &[PoolPod]) -> PoolObserved<'_> {
        PoolObserved { size, min_free: 0, pods, answering: false, overdue: false, rest: None, room: 8 }
    }

    fn creates(count: usize) -> PoolPlan {
        PoolPlan { create: count, ..PoolPlan::default() }
    }

    #[test]
    fn what_is_missing_is_made_and_pods_that_runs_have_do_not_count() {
        assert_eq!(plan_pool(&observed(2, &[])), creates(2));
        let pods = [pod("a", PodState::Free, true), pod("b", PodState::Claimed, true)];
        assert_eq!(plan_pool(&observed(2, &pods)), creates(1));
        let pods = [pod("a", PodState::Free, true), pod("b", PodState::Starting, true)];
        assert_eq!(plan_pool(&observed(2, &pods)), PoolPlan::default());
        let narrow = plan_pool(&PoolObserved { room: 1, ..observed(3, &[]) });
        assert_eq!((narrow.create, narrow.look_again), (1, Some(Duration::from_secs(1))));
    }

    #[test]
    fn a_run_that_waits_for_its_answer_is_not_slowed_down_but_not_for_ever() {
        let pods = [pod("a", PodState::Free, true), pod("b", PodState::Claimed, true)];
        let busy = PoolObserved { answering: true, ..observed(2, &pods) };
        let plan = plan_pool(&busy);
        assert_eq!((plan.create, plan.put_off, plan.look_again.is_some()), (0, true, true));
        assert_eq!(plan_pool(&PoolObserved { overdue: true, ..busy.clone() }), creates(1));
        assert_eq!(plan_pool(&PoolObserved { min_free: 2, ..busy }), creates(1));
    }

    #[test]
    fn a_smaller_pool_gives_up_pods_that_start_before_pods_that_wait() {
        let pods = [pod("a", PodState::Free, true), pod("b", PodState::Starting, true), pod("c", PodState::Free, true)];
        assert_eq!(plan_pool(&observed(2, &pods)).retire, ["b"]);
        assert_eq!(plan_pool(&observed(1, &pods)).retire, ["b", "a"]);
        let none = [pod("a", PodState::Claimed, true), pod("b", stuck(), true), pod("c", PodState::Free, false)];
        assert_eq!(plan_pool(&observed(0, &none)).retire, ["c", "b"]);
    }

    #[test]
    fn old_pods_are_replaced_one_by_one_and_stay_where_the_new_ones_do_not_start() {
        let old = [pod("a", PodState::Free, false), pod("b", PodState::Free, false)];
        let first = plan_pool(&observed(2, &old));
        assert_eq!((first.create, first.retire.len()), (1, 0));
        let with = |state| [old.to_vec(), vec![pod("n", state, true)]].concat();
        let starting = with(PodState::Starting);
        assert_eq!(
            (plan_pool(&observed(2, &starting)).create, plan_pool(&observed(2, &starting)).retire.len()),
            (0, 0)
        );
        assert_eq!(plan_pool(&observed(2, &with(PodState::Free))).retire, ["a"]);
        let bad = plan_pool(&observed(2, &with(stuck())));
        assert_eq!(bad, PoolPlan::default(), "the old pods stay, and one bad pod is enough");
        let late =
            [pod("s", PodState::Starting, false), pod("n", PodState::Free, true), pod("m", PodState::Free, true)];
        assert_eq!(plan_pool(&observed(2, &late)).retire, ["s"]);
    }

    #[test]
    fn pods_that_have_ended_are_removed_and_after_failures_there_is_a_rest() {
        let ended = PodState::Ended { reason: "RunnerFailed", message: "told".into() };
        let pods = [pod("a", ended, true)];
        let rest = Duration::from_secs(4);
        let plan = plan_pool(&PoolObserved { rest: Some(rest), ..observed(1, &pods) });
        assert_eq!((plan.create, plan.remove.len(), plan.look_again), (0, 1, Some(rest)));
    }
}
