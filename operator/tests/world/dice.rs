//! Chance that can be had again. Each roll is derived from the seed, from what it is for, and from how often that
//! has been rolled for: so it does not depend on the order in which unrelated things happen.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;

pub struct Dice {
    seed: u64,
    rolls: Mutex<HashMap<String, u64>>,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed, rolls: Mutex::default() }
    }

    /// The numbers for the next time that this happens.
    pub fn roll(&self, what: &str) -> Rng {
        let mut rolls = self.rolls.lock().expect("not poisoned");
        let count = rolls.entry(what.to_owned()).or_default();
        *count += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, what, *count).hash(&mut hasher);
        Rng::with_seed(hasher.finish())
    }
}

/// Whether something of this probability happens.
pub fn happens(rng: &mut Rng, probability: f64) -> bool {
    rng.f64() < probability
}

/// A time between two numbers of milliseconds.
pub fn millis(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

/// A time that is mostly short and sometimes up to `most`.
pub fn mostly_short(rng: &mut Rng, most: Duration) -> Duration {
    most.mul_f64(rng.f64().powi(4))
}
