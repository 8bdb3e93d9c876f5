//! What goes wrong in a schedule, and how often.

use std::time::Duration;

use fastrand::Rng;
use http::Method;

use super::dice::{happens, millis};

/// How likely each thing is to go wrong, each time that it could.
#[derive(Debug, Clone, Default)]
pub struct Odds {
    /// The operator dies before or after a request that changes something.
    pub crash: f64,
    /// A connection to the API server breaks, before or after the request was handled, or long before.
    pub broken: f64,
    /// The API server answers 409, 429, 500, or that the quota is full.
    pub refused: f64,
    /// An answer takes long.
    pub slow: f64,
    /// A watch has to begin again.
    pub gone: f64,
    /// A watch breaks off.
    pub dropped: f64,
    /// An event of a watch is late, and all that follow it.
    pub stale: f64,
    /// An event of a watch comes twice.
    pub twice: f64,
    /// A connection to a runner breaks.
    pub runner: f64,
    /// The kubelet finds no image, is slow, or loses a container.
    pub node: f64,
    /// An operator is told to end, and another one follows it.
    pub rollout: f64,
}

/// What goes wrong in one world.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub odds: Odds,
    /// When things stop to go wrong.
    pub end: Duration,
    /// How many operators run at one time.
    pub operators: usize,
    /// What third parties do to pods and CodeRuns, as a number of deeds.
    pub deeds: usize,
    /// Pods that wait for runs.
    pub pool: usize,
    /// Whether a user applies a language.
    pub language: bool,
}

impl Schedule {
    /// Nothing goes wrong.
    pub fn clean(seed: u64) -> Self {
        let Self { pool, language, .. } = Self::of(seed);
        Self { odds: Odds::default(), end: Duration::ZERO, operators: 1, deeds: 0, pool, language }
    }

    /// What goes wrong with this seed: some things often, some never.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0xfa17);
        let mut up_to = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
        let odds = Odds {
            crash: up_to(0.15),
            broken: up_to(0.2),
            refused: up_to(0.2),
            slow: up_to(0.2),
            gone: up_to(0.3),
            dropped: up_to(0.8),
            stale: up_to(0.3),
            twice: up_to(0.3),
            runner: up_to(0.3),
            node: up_to(0.3),
            rollout: up_to(0.5),
        };
        Self {
            odds,
            end: millis(&mut rng, 60_000..300_000),
            operators: 1 + usize::from(rng.u8(..3) == 0),
            deeds: if rng.bool() { rng.usize(1..6) } else { 0 },
            pool: rng.usize(0..4),
            language: rng.u8(..3) == 0,
        }
    }
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The operator dies and the request is never sent.
    CrashBefore,
    /// The request is handled, but the operator is dead by then.
    CrashAfter,
    /// The connection breaks and the request never arrives.
    BrokenBefore,
    /// The request is handled, but the connection breaks before the answer.
    BrokenAfter,
    /// The connection breaks, and the request arrives all the same, when nobody expects it any more.
    Late(Duration),
    /// The server refuses the request.
    Refused(u16),
    /// The answer takes this long.
    Slow(Duration),
}

impl Fault {
    /// What goes wrong with a request to the API server.
    pub fn of_request(rng: &mut Rng, odds: &Odds, method: &Method, path: &str) -> Self {
        let changes = *method != Method::GET;
        if changes && happens(rng, odds.crash) {
            return if rng.bool() { Self::CrashBefore } else { Self::CrashAfter };
        }
        if happens(rng, odds.broken) {
            return match rng.u8(..4) {
                0 => Self::BrokenBefore,
                1 if changes => Self::Late(millis(rng, 10..20_000)),
                _ => Self::BrokenAfter,
            };
        }
        if happens(rng, odds.refused) {
            let writes_pod = *method == Method::POST && path.ends_with("/pods");
            let codes: &[u16] = match (method.as_str(), writes_pod) {
                ("POST", true) => &[429, 500, 503, 403, 409],
                ("PATCH", _) => &[429, 500, 503, 409],
                _ => &[429, 500, 503],
            };
            return Self::Refused(codes[rng.usize(..codes.len())]);
        }
        if happens(rng, odds.slow) { Self::Slow(millis(rng, 100..15_000)) } else { Self::None }
    }

    /// What goes wrong with a request to a runner.
    pub fn of_call(rng: &mut Rng, odds: &Odds, method: &Method) -> Self {
        if *method != Method::GET && happens(rng, odds.crash) {
            return if rng.bool() { Self::CrashBefore } else { Self::CrashAfter };
        }
        if happens(rng, odds.runner) {
            return if rng.bool() { Self::BrokenBefore } else { Self::BrokenAfter };
        }
        if happens(rng, odds.slow) { Self::Slow(millis(rng, 10..12_000)) } else { Self::None }
    }
}
