//! What must hold after every schedule.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::World;
use super::outsiders::LANGUAGE;
use super::store::Change;

/// The most status writes of one run where things go wrong: a claim may be withdrawn and made again.
const WRITES: usize = 6;

/// How a run ended: outcome, exit code, standard output, what came of its tests.
type End = (Value, Value, Value, Value);

/// How the CodeRuns of a world ended, by namespace and name.
pub type Ends = BTreeMap<(String, String), End>;

/// All that is wrong with a world after its end, and how its CodeRuns ended. `clean` is how they end when nothing
/// goes wrong.
pub fn check(world: &World, clean: Option<&Ends>) -> (Vec<String>, Ends) {
    let mut lives: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    for change in world.store.history(0) {
        if change.key.plural == "coderuns" {
            lives.entry(text(&change.now["metadata"]["uid"])).or_default().push(change);
        }
    }
    let mut wrong = world.write(|records| std::mem::take(&mut records.violations));
    wrong.extend(world.store.forbidden());
    wrong.extend(doubled_starts(world));
    let mut ends = Ends::new();
    for (uid, life) in &lives {
        let last = &life.last().expect("a life has a change").now;
        let deleted = life.iter().any(|change| change.deleted);
        let key = &life[0].key;
        wrong.extend(rewritten(uid, life, clean.is_none()));
        let status = &last["status"];
        let [outcome, exit, stdout, tests] =
            ["outcome", "exitCode", "stdout", "tests"].map(|field| status[field].clone());
        let end = (outcome, exit, stdout, tests);
        if end.0.is_null() {
            if !deleted {
                wrong.push(format!("{uid} is stuck: {status}"));
            }
            continue;
        }
        let place = (key.namespace.clone(), key.name.clone());
        if let Some(clean) = clean {
            wrong.extend(unexplained(world, uid, last, &end, &clean[&place]));
        }
        ends.insert(place, end);
    }
    wrong.extend(world.left_over().into_iter().map(|pod| format!("left over: {pod}")));
    wrong.extend(misjudged(world, &ends, clean.is_none()));
    (wrong, ends)
}

/// What is wrong with what languages say of themselves.
fn misjudged(world: &World, ends: &Ends, is_clean: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |language: &str, expected: &str| {
        let stands = world.stands(language);
        if stands.as_ref().is_none_or(|(status, _)| status != expected) {
            wrong.push(format!("language {language} is {stands:?} and should be {expected}"));
        }
    };
    let run_namespace = &world.config.run_namespace;
    let completed = |end: &End| end.0 == "Completed";
    if is_clean && ends.iter().any(|((namespace, _), end)| namespace != run_namespace && completed(end)) {
        expect("python", "True");
    }
    if !world.schedule.language {
        return wrong;
    }
    let check = format!("check-{LANGUAGE}-1");
    let is_check = |change: &Change| change.key.plural == "coderuns" && change.key.name == check;
    let checks = world.store.history(0).iter().filter(|change| is_check(change) && change.before.is_none()).count();
    let worked = ends.get(&(run_namespace.clone(), check.clone())).is_some_and(completed);
    // After a check that an accident ended, another operator's evidence may be that programs run.
    if worked || is_clean {
        expect(LANGUAGE, "True");
    }
    if checks != 1 {
        wrong.push(format!("language {LANGUAGE} was checked {checks} times"));
    }
    wrong
}

fn doubled_starts(world: &World) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let starts = world.write(|records| records.starts.clone());
    let doubled = starts.iter().filter(|(run, _)| !seen.insert(run));
    doubled.map(|(run, pod)| format!("{run} was started again, in pod {pod}")).collect()
}

/// What is wrong with the writes to one run's status: when nothing goes wrong, it is told that it waits, for its turn
/// and for its pod, gets
/// its claim if it has a pod, and its result.
fn rewritten(uid: &str, life: &[Change], is_clean: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut notes, mut writes) = (0, 0);
    for change in life {
        let Some(before) = &change.before else { continue };
        let status = &change.now["status"];
        if change.deleted || before["status"] == *status {
            continue;
        }
        if !before["status"]["outcome"].is_null() {
            wrong.push(format!("{uid} had its result and {} changed it: {status}", change.by));
        }
        if status["phase"] == "Pending" { notes += 1 } else { writes += 1 }
    }
    let status = &life[life.len() - 1].now["status"];
    let needed = if status["podUID"].is_null() { 1 } else { 2 };
    if if is_clean { notes > 2 || writes != needed } else { notes + writes > WRITES } {
        wrong.push(format!("{uid} took {writes} writes and {notes} notes that it waits"));
    }
    wrong
}

/// Whether a run ended otherwise than it does when nothing goes wrong, and nothing that went wrong explains it.
fn unexplained(world: &World, uid: &str, run: &Value, end: &End, clean: &End) -> Option<String> {
    let outcome = text(&end.0);
    let cancelled = run["spec"]["cancelRequested"] == true;
    let pod = text(&run["status"]["podUID"]);
    let harms = world.write(|records| harms_of(&records.harms, &pod, uid));
    let explained = match outcome.as_str() {
        "Cancelled" => cancelled,
        "NodeLost" | "PodEvicted" | "RunnerFailed" | "PodRejected" | "ImagePullFailed" | "OutOfMemory" => {
            !harms.is_empty()
        }
        // A run that was cancelled may have ended before.
        _ => clean == end || clean.0 == "Cancelled",
    };
    (!explained).then(|| format!("{uid} ended {end:?} and not {clean:?}; pod {pod:?}, harms {harms:?}"))
}

/// What was done to the pod that a run has claimed, or else to the pods that were made for it.
fn harms_of(harms: &BTreeMap<String, Vec<&'static str>>, pod: &str, run_uid: &str) -> Vec<&'static str> {
    let is_its = |uid: &str| if pod.is_empty() { uid.contains(run_uid) } else { uid == pod };
    harms.iter().filter(|(uid, _)| is_its(uid)).flat_map(|(_, what)| what.iter().copied()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
