//! The real operator in a cluster where things go wrong: a thousand schedules, each derived from its seed. One that
//! fails is run again, with all that happens in it, by `LOCUS_FAULT_SEED=<seed> cargo test -p locus-operator --test
//! faults -- --nocapture`; `LOCUS_FAULT_SEEDS=<from>..<to>` chooses others.

mod world;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use world::{Schedule, World, check};

/// The seeds that are tried without being asked for others.
const SEEDS: Range<u64> = 0..1000;

/// The most failing seeds that are looked for.
const FAILURES: usize = 10;

/// How often one seed is tried when it is asked for. Hash maps inside kube order what happens at the same instant by
/// chance: a few seeds in a hundred are not the same schedule each time.
const REPLAYS: usize = 5;

/// What is wrong with a seed, and all that happened in it.
fn try_seed(seed: u64, traced: bool) -> (Vec<String>, Vec<String>) {
    let (mut wrong, ends) = check(&World::run(seed, Schedule::clean(seed), false), None);
    if !wrong.is_empty() {
        wrong.push("and that with nothing going wrong".into());
        return (wrong, Vec::new());
    }
    let world = World::run(seed, Schedule::of(seed), traced);
    (check(&world, Some(&ends)).0, world.trace())
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("LOCUS_FAULT_SEEDS") else { return SEEDS };
    let parsed = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed.unwrap_or_else(|| panic!("LOCUS_FAULT_SEEDS is <from>..<to>, not {text:?}"))
}

/// Tries one seed until it fails, and prints all that happened.
fn replay(seed: u64) {
    let (wrong, trace) = (0..REPLAYS)
        .map(|_| try_seed(seed, true))
        .reduce(|last, next| if last.0.is_empty() { next } else { last })
        .expect("it was tried");
    println!("{:#?}", Schedule::of(seed));
    println!("{}", trace.join("\n"));
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
}

#[test]
fn whatever_goes_wrong_no_run_is_lost_or_started_twice() {
    if let Ok(seed) = std::env::var("LOCUS_FAULT_SEED") {
        return replay(seed.parse().expect("LOCUS_FAULT_SEED is a number"));
    }
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let failures = AtomicUsize::new(0);
    let report = Mutex::new(String::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while failures.load(Ordering::Relaxed) < FAILURES {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let (wrong, _) = try_seed(seed, false);
                    if !wrong.is_empty() {
                        failures.fetch_add(1, Ordering::Relaxed);
                        let text = format!("LOCUS_FAULT_SEED={seed}:\n  {}\n", wrong.join("\n  "));
                        report.lock().expect("not poisoned").push_str(&text);
                    }
                }
            });
        }
    });
    let report = report.into_inner().expect("not poisoned");
    assert!(report.is_empty(), "\n{report}");
}
