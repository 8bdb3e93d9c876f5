//! Users, who create CodeRuns and cancel some, and third parties, who do what they should not.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::World;
use super::dice::millis;
use super::program::{Program, SECRET};
use super::selector::Selector;
use super::store::{Key, Object};

/// What a user wants.
#[derive(Debug, Clone)]
pub struct Wish {
    pub namespace: &'static str,
    pub name: String,
    pub spec: Value,
    /// When it is created.
    pub at: Duration,
    /// How long after that it is cancelled.
    pub cancel_after: Option<Duration>,
}

/// What the users of this seed want: the same, whatever goes wrong.
pub fn wishes(seed: u64) -> Vec<Wish> {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x0005_eed5);
    (0..rng.usize(3..7))
        .map(|number| {
            let name = format!("run-{number}");
            let mut program =
                Program { time: millis(&mut rng, 0..8000), exit: 0, prints: format!("{name}-{:08x}", rng.u32(..)) };
            let mut language = "python";
            let mut cancel_after = None;
            let mut tests = None;
            match rng.u8(..11) {
                0..4 => {}
                4 => program.exit = rng.i32(1..100),
                5 => {
                    program.time = Duration::from_secs(600);
                    cancel_after = Some(millis(&mut rng, 0..40_000));
                }
                6 => language = "klingon",
                7 => program.time = millis(&mut rng, 20_000..100_000),
                8 => program.time = Duration::from_secs(1000),
                9 => tests = Some(tests_of(&name)),
                _ => language = "rust",
            }
            let limits = json!({"timeoutSeconds": if program.time.as_secs() == 1000 { 20 } else { 120 }});
            let spec = json!({"language": language, "code": program.code(), "limits": limits, "tests": tests});
            let namespace = if rng.bool() { "team-a" } else { "team-b" };
            Wish { namespace, name, spec, at: millis(&mut rng, 0..20_000), cancel_after }
        })
        .collect()
}

/// Tests of a program that prints what it reads: all but the last one pass.
fn tests_of(name: &str) -> Value {
    json!([
        {"name": "whole", "stdin": name, "expectedStdout": name},
        {"stdin": "1 2", "expectedStdout": "1\n2", "checker": "tokens"},
        {"name": SECRET, "stdin": "a", "expectedStdout": SECRET}
    ])
}

/// Makes the pool whose pods wait for runs in Python.
pub fn make_pool(world: &World) {
    let pool = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Pool", "metadata": {"name": "python"},
        "spec": {"language": "python", "size": world.schedule.pool}});
    world.store.create("admin", "pools", &world.config.run_namespace, pool).expect("it is the first");
}

/// The language that a user applies.
pub const LANGUAGE: &str = "toy";

/// Applies a language, some time after the start.
pub async fn apply_language(world: Arc<World>) {
    let mut rng = world.dice.roll("language");
    sleep(millis(&mut rng, 0..20_000)).await;
    let example = Program { time: millis(&mut rng, 0..3000), exit: 0, prints: LANGUAGE.into() }.code();
    let language = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "Language", "metadata": {"name": LANGUAGE},
        "spec": {"name": "Toy", "version": "1", "fileName": "main", "image": "toy:1", "run": ["toy"], "example": example}});
    world.store.create("admin", "languages", "", language).expect("it is the first");
}

/// Creates a CodeRun when it is time, and cancels it.
pub async fn make(world: Arc<World>, wish: Wish) {
    sleep(wish.at).await;
    create(&world, "user", &wish);
    if let Some(time) = wish.cancel_after {
        sleep(time).await;
        cancel(&world, "user", &Key::new("coderuns", wish.namespace, &wish.name));
    }
}

fn create(world: &World, by: &str, wish: &Wish) {
    let object = json!({"apiVersion": "locus.dev/v1alpha1", "kind": "CodeRun",
        "metadata": {"name": wish.name}, "spec": wish.spec});
    let created = world.store.create(by, "coderuns", wish.namespace, object);
    world.note(|| format!("{by} creates {}/{}: {}", wish.namespace, wish.name, created.is_ok()));
}

fn cancel(world: &World, by: &str, key: &Key) {
    world.note(|| format!("{by} cancels {}/{}", key.namespace, key.name));
    let _ = world.store.patch(by, key, false, &json!({"spec": {"cancelRequested": true}}));
}

/// Does a number of deeds that nobody asked for, one after the other.
pub async fn meddle(world: Arc<World>, wishes: Vec<Wish>) {
    for _ in 0..world.schedule.deeds {
        let mut rng = world.dice.roll("meddler");
        sleep(millis(&mut rng, 500..30_000)).await;
        let pods = world.store.list("pods", None, &Selector::default()).0;
        let pod = (!pods.is_empty()).then(|| &pods[rng.usize(..pods.len())]);
        match (rng.u8(..9), pod) {
            (0, _) => {
                let wish = &wishes[rng.usize(..wishes.len())];
                cancel(&world, "meddler", &Key::new("coderuns", wish.namespace, &wish.name));
            }
            (1, _) => {
                let wish = &wishes[rng.usize(..wishes.len())];
                let key = Key::new("coderuns", wish.namespace, &wish.name);
                let deleted = world.store.delete("meddler", &key, &json!({}));
                world.note(|| format!("meddler deletes {}/{}: {}", key.namespace, key.name, deleted.is_ok()));
                if deleted.is_ok() && rng.bool() {
                    create(&world, "meddler", wish);
                }
            }
            (2, _) => world.store.compact(),
            (deed, Some(pod)) => harm(&world, deed, pod),
            (_, None) => {}
        }
    }
}

fn harm(world: &World, deed: u8, pod: &Object) {
    let metadata = &pod["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let key = Key::new("pods", text("namespace"), text("name"));
    let disrupted = |reason: &str| {
        let condition = json!({"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "told"});
        let _ = world.store.change("meddler", &key, |pod| pod["status"]["conditions"] = json!([condition]));
    };
    let deed = match deed {
        3 => {
            let _ = world.store.delete("meddler", &key, &json!({}));
            "deleted"
        }
        4 => {
            let _ = world.store.delete("meddler", &key, &json!({"gracePeriodSeconds": 0}));
            "deleted by force"
        }
        5 => {
            disrupted("EvictionByEvictionAPI");
            let _ = world.store.delete("meddler", &key, &json!({}));
            "evicted"
        }
        6 => {
            disrupted("DeletionByTaintManager");
            let _ = world.store.delete("meddler", &key, &json!({"gracePeriodSeconds": 0}));
            "deleted with its node"
        }
        7 => {
            let _ = world.store.change("meddler", &key, |pod| {
                if pod["status"]["phase"] != "Succeeded" {
                    pod["status"]["phase"] = json!("Failed");
                    pod["status"]["reason"] = json!("Evicted");
                    pod["status"]["message"] = json!("the node was low on memory");
                }
            });
            "evicted by its node"
        }
        _ => {
            let labels = json!({"app.kubernetes.io/managed-by": "meddler"});
            let _ = world.store.patch("meddler", &key, false, &json!({"metadata": {"labels": labels}}));
            "relabelled"
        }
    };
    world.harm(text("uid"), deed);
}
