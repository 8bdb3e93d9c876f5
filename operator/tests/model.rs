//! The real `plan`, in every order of events that the model allows: two operators with caches that lag, crashes,
//! lost answers, pods that die, cancelling, deadlines. A model checker goes through all of it.
//!
//! What is modelled is what stands between the two: the API server refuses writes that rest on an old version, and a
//! runner accepts the first run and no other. What an operator does at each step is decided by `plan` alone.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use locus_api::{Catalogue, CodeRun};
use locus_core::{Event, Outcome, RunResult};
use locus_operator::config::Config;
use locus_operator::configured;
use locus_operator::desk::Place;
use locus_operator::links::Link;
use locus_operator::plan::{Observed, Step, plan};
use locus_operator::pod_view::{Address, PodView};
use locus_operator::record::Record;
use serde_json::json;
use stateright::{Checker, Model, Property};
use std::sync::Arc;

/// Runs.
const RUNS: usize = 2;
/// Pods that wait; behind them stands one for each run, its own.
const POOL: usize = 1;
const PODS: usize = POOL + RUNS;
/// A pod, and the how-many-th of that name it is: one that is made again has another UID.
type PodId = (usize, u8);
const CREATED: Timestamp = Timestamp::UNIX_EPOCH;

/// What the API server holds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Stored {
    version: u8,
    claim: Option<PodId>,
    outcome: Option<Outcome>,
    cancel: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Run {
    stored: Stored,
    /// How often a runner has started it, and how often its result was written.
    starts: u8,
    results: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Pod {
    there: bool,
    life: u8,
    accepted: Option<usize>,
    ended: bool,
    retired: bool,
}

/// How a link is, of the pod that it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Line {
    #[default]
    None,
    Dialling,
    Connected(PodId),
    Running(PodId),
    Refused(PodId),
    Finished(PodId),
}

impl Line {
    fn leads_to(self) -> Option<PodId> {
        match self {
            Self::None | Self::Dialling => None,
            Self::Connected(at) | Self::Running(at) | Self::Refused(at) | Self::Finished(at) => Some(at),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Memory {
    /// The run as the operator's cache shows it.
    seen: Stored,
    /// A pod that the desk gave it; its own one is `POOL + run`.
    place: Option<PodId>,
    line: Line,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    runs: [Run; RUNS],
    pods: [Pod; PODS],
    operators: Vec<[Memory; RUNS]>,
    /// Operators that have seen that the language is gone. One that has not goes on as before.
    unknown: Vec<bool>,
    /// Faults that may still happen.
    crashes: u8,
    deaths: u8,
    lost: u8,
    cancels: u8,
    retirements: u8,
    languages: u8,
    /// Whether all deadlines have passed.
    late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    /// An operator takes the next step for a run. `pick` is the pod that the desk would give.
    Step {
        operator: usize,
        run: usize,
        pick: usize,
    },
    /// The same; the API server or the runner does it, and the operator does not learn so.
    LoseAnswer {
        operator: usize,
        run: usize,
        pick: usize,
    },
    /// The watch shows the newest of a run.
    Refresh {
        operator: usize,
        run: usize,
    },
    /// The link learns what has become of its pod.
    News {
        operator: usize,
        run: usize,
    },
    Crash(usize),
    ProgramEnds(usize),
    PodDies(usize),
    /// A pool gives up a pod: its runner takes no run from now on, and the pod goes.
    Retire(usize),
    Cancel(usize),
    /// An operator sees that the language is gone.
    LanguageGoes(usize),
    Late,
}

/// How many operators there are, and which faults happen.
struct Setting {
    operators: usize,
    faults: World,
    config: Config,
    catalogue: Catalogue,
    template: CodeRun,
}

fn pod_name(pod: usize) -> String {
    if pod < POOL { format!("python-{pod}") } else { format!("run-u{}", pod - POOL) }
}

fn address((pod, life): PodId) -> Address {
    Address {
        pod_name: pod_name(pod),
        pod_uid: format!("{pod}.{life}"),
        ip: "10.0.0.9".into(),
        public_keys: "k".into(),
    }
}

fn pod_of(address: &Address) -> PodId {
    let (pod, life) = address.pod_uid.split_once('.').expect("two numbers");
    (pod.parse().expect("a number"), life.parse().expect("a number"))
}

impl World {
    /// Whether this very pod is there.
    fn has(&self, (pod, life): PodId) -> bool {
        self.pods[pod].there && self.pods[pod].life == life
    }

    /// The pod that goes by this number now.
    fn now(&self, pod: usize) -> PodId {
        (pod, self.pods[pod].life)
    }
}

impl Setting {
    fn new(runs: usize, operators: usize, crashes: u8, deaths: u8, lost: u8, cancels: u8, retirements: u8) -> Self {
        let template = json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
            "metadata": {"name": "hello", "namespace": "team", "creationTimestamp": CREATED.to_string()},
            "spec": {"language": "python", "code": "print(1)"}
        });
        let mut pods = [Pod::default(); PODS];
        pods.iter_mut().take(POOL).for_each(|pod| pod.there = true);
        // Those that are not looked at have ended long ago.
        let stored = |run| Stored { outcome: (run >= runs).then_some(Outcome::Completed), ..Stored::default() };
        let faults = World {
            runs: std::array::from_fn(|run| Run { stored: stored(run), starts: u8::from(run >= runs), results: 0 }),
            pods,
            operators: vec![std::array::from_fn(|run| Memory { seen: stored(run), ..Memory::default() }); operators],
            unknown: vec![false; operators],
            crashes,
            deaths,
            lost,
            cancels,
            retirements,
            languages: 0,
            late: false,
        };
        let template = serde_json::from_value(template).expect("a CodeRun");
        let config = Config::default();
        let catalogue = Catalogue::of(&configured::languages(&config));
        Self { operators, faults, config, catalogue, template }
    }

    /// With a language that goes, and this many operators that get to see it.
    fn whose_language_goes(mut self, seen_by: u8) -> Self {
        self.faults.languages = seen_by;
        self
    }

    fn code_run(&self, run: usize, seen: Stored) -> CodeRun {
        let mut object = self.template.clone();
        object.metadata.uid = Some(format!("u{run}"));
        object.spec.cancel_requested = Some(seen.cancel);
        let status = object.status.get_or_insert_default();
        let claim = seen.claim.map(address);
        status.pod_uid = claim.as_ref().map(|address| address.pod_uid.clone());
        status.pod_name = claim.map(|address| address.pod_name);
        status.outcome = seen.outcome.map(|outcome| outcome.as_str().to_owned());
        // It is never old enough to be deleted.
        status.completion_time = seen.outcome.map(|_| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now(true)));
        object
    }

    /// What `plan` says for a run, by what the operator sees.
    fn next(&self, world: &World, operator: usize, run: usize) -> Step {
        let Memory { seen, place, line } = world.operators[operator][run];
        let own = POOL + run;
        let pod = seen.claim.or(place).unwrap_or(world.now(own));
        // Its own pod is known by its name.
        let pod = if seen.claim.is_none() && pod.0 == own { world.now(own) } else { pod };
        // That a claimed pod is gone is asked of the API server; of another one the cache may still show it. An old
        // cache of a pod that is not claimed yet is the same as a pod that dies a moment later.
        let view = if world.has(pod) { PodView::Running(address(pod)) } else { PodView::Absent };
        let place = place
            .or_else(|| world.pods[own].there.then_some(world.now(own)))
            .map(|place| if place.0 == own { Place::Cold { since: CREATED } } else { Place::Warm(address(place)) });
        let since = CREATED;
        // One to another pod is none, as `Links::state` says.
        let to_it = if line.leads_to().is_none_or(|at| at == pod) { line } else { Line::None };
        let link = match to_it {
            Line::None => Link::None,
            Line::Dialling => Link::Dialling { since, error: String::new() },
            Line::Connected(_) => Link::Connected,
            Line::Running(_) => Link::Running { since },
            Line::Refused(_) => Link::Refused,
            Line::Finished(at) => {
                let outcome = if world.pods[at.0].ended { Outcome::Completed } else { Outcome::Cancelled };
                let mut record = Record::default();
                record.push(Event::Finished { result: RunResult::failed(outcome, "told") });
                Link::Finished(Arc::new(record))
            }
        };
        let object = self.code_run(run, seen);
        let observed = Observed { run: &object, place, pod: view, pod_leaving: false, link, now: now(world.late) };
        let nothing = Catalogue::default();
        plan(&observed, &self.config, if world.unknown[operator] { &nothing } else { &self.catalogue })
    }

    /// Does a step. `told` is whether the operator learns that it is done.
    fn apply(&self, world: &mut World, (operator, run): (usize, usize), pick: usize, told: bool) {
        let step = self.next(world, operator, run);
        let memory = world.operators[operator][run];
        let mut write = |change: &dyn Fn(&mut Stored)| {
            let stored = &mut world.runs[run].stored;
            if stored.version != memory.seen.version {
                return false;
            }
            // The CRD's rule.
            let before = stored.outcome;
            let mut new = *stored;
            change(&mut new);
            if before.is_some() && new.outcome != before {
                return false;
            }
            new.version += 1;
            *stored = new;
            if before.is_none() && new.outcome.is_some() {
                world.runs[run].results += 1;
            }
            let stored = world.runs[run].stored;
            if told {
                world.operators[operator][run].seen = stored;
            }
            true
        };
        match step {
            Step::Ask(_) => {
                // A pod that is given up is given to nobody; one that was given before may be given up.
                let free = pick < POOL && !world.pods[pick].retired && {
                    let pick = Some(world.now(pick));
                    let mine = |memory: &Memory| memory.place == pick || memory.seen.claim == pick;
                    !world.operators[operator].iter().any(mine)
                };
                world.operators[operator][run].place = Some(world.now(if free { pick } else { POOL + run }));
            }
            Step::AskAgain => {
                let memory = &mut world.operators[operator][run];
                (memory.place, memory.line) = (None, Line::None);
            }
            Step::CreatePod { .. } => {
                let pod = &mut world.pods[POOL + run];
                if !pod.there {
                    *pod = Pod { there: true, life: pod.life + 1, ..Pod::default() };
                }
            }
            Step::ReplacePod => {
                world.pods[POOL + run].there = false;
                world.operators[operator][run].line = Line::None;
            }
            Step::Dial(address) => {
                world.operators[operator][run].line =
                    if world.has(pod_of(&address)) { Line::Connected(pod_of(&address)) } else { Line::Dialling };
            }
            Step::Claim { address, .. } => {
                write(&|stored| stored.claim = Some(pod_of(&address)));
            }
            Step::Unclaim => {
                if write(&|stored| stored.claim = None) && told {
                    if let Line::Refused(at @ (pod, _)) = memory.line
                        && pod == POOL + run
                    {
                        world.pods[pod].there &= !world.has(at);
                    }
                    let memory = &mut world.operators[operator][run];
                    (memory.place, memory.line) = (None, Line::None);
                }
            }
            Step::Start(_) => {
                let Line::Connected(at) = memory.line else { panic!("only an open link is given a run") };
                let line = start(world, at, run);
                if told {
                    world.operators[operator][run].line = line;
                }
            }
            Step::Resume => {
                let Line::Connected(at) = memory.line else { panic!("only an open link is asked for a run") };
                let line = resume(world, at, run);
                if told {
                    world.operators[operator][run].line = line;
                }
            }
            Step::Cancel => {
                if let Line::Running(at) = memory.line
                    && world.has(at)
                {
                    world.operators[operator][run].line = Line::Finished(at);
                }
            }
            Step::Finish(result) => {
                write(&|stored| stored.outcome = Some(result.outcome));
            }
            Step::CleanUp => {
                let gone = memory.seen.claim.unwrap_or(world.now(POOL + run));
                world.pods[gone.0].there &= !world.has(gone);
                world.operators[operator][run].line = Line::None;
                world.operators[operator][run].place = None;
            }
            Step::Wait(_) | Step::ReportWaiting { .. } | Step::DeleteRun => {}
        }
    }
}

/// A runner is handed a run: how the link is then.
fn start(world: &mut World, at: PodId, run: usize) -> Line {
    let there = world.has(at);
    let pod = &mut world.pods[at.0];
    match pod.accepted {
        _ if !there => Line::Dialling,
        Some(accepted) if accepted == run => Line::Running(at),
        Some(_) => Line::Refused(at),
        None if pod.retired => Line::Refused(at),
        None => {
            pod.accepted = Some(run);
            world.runs[run].starts += 1;
            Line::Running(at)
        }
    }
}

/// A runner is asked for a run, and takes none any more if it has none: how the link is then.
fn resume(world: &mut World, at: PodId, run: usize) -> Line {
    let there = world.has(at);
    let pod = &mut world.pods[at.0];
    match pod.accepted {
        _ if !there => Line::Dialling,
        Some(accepted) if accepted == run => Line::Running(at),
        Some(_) => Line::Refused(at),
        None => {
            pod.retired = true;
            Line::Refused(at)
        }
    }
}

fn now(late: bool) -> Timestamp {
    CREATED + SignedDuration::from_secs(if late { 1_000_000 } else { 0 })
}

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.faults.clone()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for operator in 0..self.operators {
            for run in 0..RUNS {
                // Its own pod is what the desk gives when none waits.
                let asks = matches!(self.next(world, operator, run), Step::Ask(_));
                for pick in 0..=(if asks { POOL } else { 0 }) {
                    actions.push(Action::Step { operator, run, pick });
                }
                if world.lost > 0 && !asks {
                    actions.push(Action::LoseAnswer { operator, run, pick: 0 });
                }
                actions.extend([Action::Refresh { operator, run }, Action::News { operator, run }]);
            }
            if world.crashes > 0 {
                actions.push(Action::Crash(operator));
            }
            if world.languages > 0 {
                actions.push(Action::LanguageGoes(operator));
            }
        }
        actions.extend((0..PODS).map(Action::ProgramEnds));
        if world.deaths > 0 {
            actions.extend((0..PODS).map(Action::PodDies));
        }
        if world.retirements > 0 {
            actions.extend((0..POOL).map(Action::Retire));
        }
        if world.cancels > 0 {
            actions.extend((0..RUNS).map(Action::Cancel));
        }
        actions.push(Action::Late);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Step { operator, run, pick } => self.apply(&mut next, (operator, run), pick, true),
            Action::LoseAnswer { operator, run, pick } => {
                self.apply(&mut next, (operator, run), pick, false);
                if next != *world {
                    next.lost -= 1;
                }
            }
            Action::Refresh { operator, run } => next.operators[operator][run].seen = world.runs[run].stored,
            Action::News { operator, run } => {
                let line = &mut next.operators[operator][run].line;
                match *line {
                    Line::Connected(at) | Line::Running(at) if !world.has(at) => *line = Line::None,
                    Line::Running(at) if world.pods[at.0].ended => *line = Line::Finished(at),
                    Line::Dialling => *line = Line::None,
                    _ => {}
                }
            }
            Action::Crash(operator) => {
                next.crashes -= 1;
                // It starts again with what the API server holds.
                next.operators[operator] =
                    std::array::from_fn(|run| Memory { seen: world.runs[run].stored, ..Memory::default() });
            }
            Action::ProgramEnds(pod) => {
                let pod = &mut next.pods[pod];
                pod.ended = pod.there && pod.accepted.is_some();
            }
            Action::PodDies(pod) => {
                next.deaths -= u8::from(next.pods[pod].there);
                next.pods[pod].there = false;
            }
            Action::Retire(pod) => {
                let retires = next.pods[pod].there && next.pods[pod].accepted.is_none();
                next.retirements -= u8::from(retires);
                next.pods[pod].retired |= retires;
            }
            Action::Cancel(run) => {
                if !next.runs[run].stored.cancel {
                    next.cancels -= 1;
                    next.runs[run].stored.cancel = true;
                    next.runs[run].stored.version += 1;
                }
            }
            Action::LanguageGoes(operator) => {
                if !next.unknown[operator] {
                    next.languages -= 1;
                    next.unknown[operator] = true;
                }
            }
            Action::Late => next.late = true,
        }
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no run is started twice", |_, world: &World| {
                world.runs.iter().all(|run| run.starts <= 1)
            }),
            Property::always("no run gets two results", |_, world: &World| {
                world.runs.iter().all(|run| run.results <= 1)
            }),
            Property::always("a run that completed was started", |_, world: &World| {
                world.runs.iter().all(|run| run.stored.outcome != Some(Outcome::Completed) || run.starts == 1)
            }),
            Property::always("a run that ended for want of its language was never started", |_, world: &World| {
                world.runs.iter().all(|run| run.stored.outcome != Some(Outcome::UnknownLanguage) || run.starts == 0)
            }),
            Property::always("a pod has a run only that has claimed it", |_, world: &World| {
                let claims = |(at, pod): (usize, &Pod)| {
                    pod.accepted.is_none_or(|run| world.runs[run].stored.claim == Some((at, pod.life)))
                };
                world.pods.iter().enumerate().all(claims)
            }),
            Property::eventually(IN_THE_END, |_, world: &World| {
                world.runs.iter().all(|run| run.stored.outcome.is_some())
            }),
            Property::sometimes(POSSIBLE, |_, world: &World| {
                world.runs.iter().all(|run| run.stored.outcome == Some(Outcome::Completed))
            }),
        ]
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.runs.iter().all(|run| run.stored.version < 8)
    }
}

/// Goes through all there is.
fn check(name: &str, setting: Setting) {
    judge(name, &setting.checker().threads(threads()).spawn_bfs().join());
}

/// Goes through what can happen first, and then along many paths by chance, for what is too much to go through.
fn check_much_of(name: &str, setting: &impl Fn() -> Setting) {
    judge_some(name, &setting().checker().threads(threads()).target_state_count(MANY).spawn_bfs().join());
    let setting = setting();
    let mut steps = 0;
    for seed in 1..=WALKS {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = setting.faults.clone();
        let mut path = Vec::new();
        for _ in 0..dice.usize(10..80) {
            let mut next = setting.next_steps(&world);
            if next.is_empty() {
                break;
            }
            let (action, then) = next.swap_remove(dice.usize(..next.len()));
            path.push(action);
            world = then;
            hold(&setting, &world, &path);
        }
        steps += path.len();
        // From wherever that led, without further faults, every run gets its result.
        for _ in 0..40 {
            let fair = (0..setting.operators).flat_map(|operator| (0..RUNS).map(move |run| (operator, run)));
            let fair = fair.flat_map(|(operator, run)| {
                let step = Action::Step { operator, run, pick: POOL };
                [Action::Refresh { operator, run }, step, Action::News { operator, run }]
            });
            for action in fair.chain((0..PODS).map(Action::ProgramEnds)) {
                if let Some(then) = setting.next_state(&world, action) {
                    path.push(action);
                    world = then;
                    hold(&setting, &world, &path);
                }
            }
        }
        let all = world.runs.iter().all(|run| run.stored.outcome.is_some());
        assert!(all, "seed {seed}: {IN_THE_END}, after {path:?}, which leads to {world:#?}");
    }
    eprintln!("{name}: {WALKS} paths by chance with {steps} steps");
}

/// Everything that must always hold does.
fn hold(setting: &Setting, world: &World, path: &[Action]) {
    for property in setting.properties() {
        let always = matches!(property.expectation, stateright::Expectation::Always);
        assert!(
            !always || (property.condition)(setting, world),
            "{}, after {path:?}, which leads to {world:#?}",
            property.name
        );
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn judge(name: &str, checker: &impl Checker<Setting>) {
    judge_some(name, checker);
    assert!(checker.discoveries().contains_key(POSSIBLE), "the model never gets to where both runs complete");
}

fn judge_some(name: &str, checker: &impl Checker<Setting>) {
    eprintln!("{name}: {} states, {} of them different", checker.state_count(), checker.unique_state_count());
    let mut found = checker.discoveries();
    found.remove(POSSIBLE);
    if let Some((broken, path)) = found.into_iter().next() {
        let end = format!("{:#?}", path.last_state());
        panic!("{broken}, after {:#?}, which leads to {end}", path.into_actions());
    }
}

/// Paths that are walked by chance.
const WALKS: u64 = 2000;
/// The states of which no more than these are looked at.
const MANY: usize = 250_000;
const IN_THE_END: &str = "every run gets its result";
/// What shows that the model goes far enough.
const POSSIBLE: &str = "both runs complete";

#[test]
fn one_operator_that_crashes_and_loses_answers() {
    check("a crash and a lost answer", Setting::new(2, 1, 1, 0, 1, 0, 0));
}

#[test]
fn one_operator_whose_pods_die_while_it_crashes() {
    check("a crash and a dead pod", Setting::new(2, 1, 1, 1, 0, 0, 0));
}

#[test]
fn one_run_with_all_faults_once() {
    check("each fault once", Setting::new(1, 1, 1, 1, 1, 1, 1));
}

#[test]
fn two_operators_that_know_nothing_of_each_other() {
    check_much_of("two operators", &|| Setting::new(2, 2, 0, 0, 0, 0, 0));
}

#[test]
fn two_operators_with_one_run_and_all_faults_once() {
    check_much_of("two operators, each fault once", &|| Setting::new(1, 2, 1, 1, 1, 1, 1));
}

#[test]
fn one_operator_whose_language_goes_while_it_crashes_and_loses_answers() {
    check("a language goes", Setting::new(1, 1, 1, 1, 1, 0, 0).whose_language_goes(1));
}

#[test]
fn two_operators_that_do_not_see_at_one_time_that_a_language_is_gone() {
    check_much_of("two operators, a language goes", &|| Setting::new(1, 2, 1, 1, 1, 0, 1).whose_language_goes(2));
}
