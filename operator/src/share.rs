//! Who gets a pod next. Pure.
//!
//! Runs take turns: first the namespace with the fewest runs in flight, of several the one whose last turn is the longest
//! ago; within it the client by the same rule; of its runs the oldest. So nobody's many runs hold up anybody's first one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// Whose a run is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant {
    /// The namespace of the CodeRun.
    pub namespace: String,
    /// Whom in the namespace it is for, as far as that is told.
    pub client: String,
}

/// What a run needs of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The name of the language's object: an id may have several versions.
    pub language: String,
    /// Bytes of memory.
    pub memory: u64,
}

/// A run that waits for a pod.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The run's UID.
    pub run: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// When it was created.
    pub created: Timestamp,
    /// What it needs.
    pub need: Need,
}

/// A pool, as far as it matters who gets its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOffer {
    /// Its name.
    pub name: String,
    /// What its pods have.
    pub has: Need,
    /// The most pods that are made at a time for runs which find none of its pods waiting.
    pub burst: Option<usize>,
    /// The UIDs of its pods that wait.
    pub free: Vec<String>,
}

/// How many runs may go on at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Concurrency {
    /// Runs that have a pod, in all.
    pub runs: usize,
    /// Runs of one namespace that have a pod.
    pub runs_per_namespace: usize,
    /// Pods that are on their way: a node that starts many at a time starts each of them late.
    pub starting_pods: usize,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { runs: 40, runs_per_namespace: 30, starting_pods: 8 }
    }
}

/// What is in use.
#[derive(Debug, Clone, Default)]
pub struct InUse {
    /// Runs that have a pod, by whose they are.
    pub runs: HashMap<Tenant, usize>,
    /// Pods on their way, those of pools too.
    pub starting: usize,
    /// Runs with a pod of their own, by the pool that had none for them.
    pub cold: HashMap<String, usize>,
}

/// When whose turn was last: the higher, the later.
pub type Turns = HashMap<Tenant, u64>;

/// What a run gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Share {
    /// A pod that waits.
    Warm {
        /// The pod's UID.
        pod: String,
        /// The pool's name.
        pool: String,
    },
    /// The right to have a pod made.
    Cold {
        /// The pool that had none, if there is one for such runs.
        pool: Option<String>,
    },
}

/// Why a run gets nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// As many runs go on as may.
    Runs(usize),
    /// As many runs of its namespace go on as may.
    Namespace(usize),
    /// As many pods are on their way as may.
    Starting(usize),
    /// As many pods are made beside its pool as may.
    Burst(usize),
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Runs(most) => write!(f, "{most} runs go on, which is as many as may at one time"),
            Self::Namespace(most) => {
                write!(f, "{most} runs of this namespace go on, which is as many as may at one time")
            }
            Self::Starting(most) => write!(f, "{most} pods are on their way, which is as many as may at one time"),
            Self::Burst(most) => write!(f, "no pod of the pool is free, and {most} more is as many as it allows"),
        }
    }
}

/// Who gets what. Runs go by their index among those that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    /// Who gets something, in the order of turns.
    pub given: Vec<(usize, Share)>,
    /// Who gets nothing yet, and why.
    pub held: Vec<(usize, Hold)>,
}

/// Gives out what there is.
#[must_use]
pub fn share(waiting: &[&Waiting], pools: &[PoolOffer], in_use: &InUse, turns: &Turns, most: &Concurrency) -> Shares {
    let mut hall = Hall::new(in_use, turns);
    for (place, run) in waiting.iter().copied().enumerate() {
        hall.queue(place, run);
    }
    let mut pools: Vec<PoolOffer> = pools.to_vec();
    // The smallest pod that will do.
    pools.sort_by_key(|pool| pool.has.memory);
    let mut in_use = in_use.clone();
    let mut total: usize = in_use.runs.values().sum();
    let mut shares = Shares::default();
    while let Some((tenant, place)) = hall.next() {
        let of_namespace = hall.in_flight(&tenant.namespace);
        let got = if total >= most.runs {
            Err(Hold::Runs(most.runs))
        } else if of_namespace >= most.runs_per_namespace {
            Err(Hold::Namespace(most.runs_per_namespace))
        } else {
            pick(&waiting[place].need, &mut pools, &mut in_use, most)
        };
        match got {
            Ok(got) => {
                total += 1;
                hall.serve(&tenant);
                shares.given.push((place, got));
            }
            Err(why) => shares.held.push((place, why)),
        }
    }
    shares
}

fn pick(need: &Need, pools: &mut [PoolOffer], in_use: &mut InUse, most: &Concurrency) -> Result<Share, Hold> {
    let mut fitting =
        pools.iter_mut().filter(|pool| pool.has.language == need.language && pool.has.memory >= need.memory).peekable();
    let first = fitting.peek().map(|pool| (pool.name.clone(), pool.burst));
    for pool in fitting {
        if let Some(pod) = pool.free.pop() {
            return Ok(Share::Warm { pod, pool: pool.name.clone() });
        }
    }
    if in_use.starting >= most.starting_pods {
        return Err(Hold::Starting(most.starting_pods));
    }
    if let Some((name, burst)) = &first {
        let cold = in_use.cold.entry(name.clone()).or_default();
        if let Some(burst) = *burst
            && *cold >= burst
        {
            return Err(Hold::Burst(burst));
        }
        *cold += 1;
    }
    in_use.starting += 1;
    Ok(Share::Cold { pool: first.map(|(name, _)| name) })
}

/// Who waits, with the counts that say whose turn it is.
struct Hall<'a> {
    namespaces: BTreeMap<&'a str, Queue<'a>>,
    /// Later than any turn so far.
    now: u64,
}

#[derive(Default)]
struct Queue<'a> {
    in_flight: usize,
    last: u64,
    clients: BTreeMap<&'a str, Client>,
}

#[derive(Default)]
struct Client {
    in_flight: usize,
    last: u64,
    /// The oldest run last.
    runs: Vec<(Reverse<Timestamp>, usize)>,
    sorted: bool,
}

impl<'a> Hall<'a> {
    fn new(in_use: &'a InUse, turns: &'a Turns) -> Self {
        let mut hall = Self { namespaces: BTreeMap::new(), now: turns.values().max().map_or(0, |last| last + 1) };
        for (tenant, count) in &in_use.runs {
            let queue = hall.namespaces.entry(&tenant.namespace).or_default();
            queue.in_flight += count;
            queue.clients.entry(&tenant.client).or_default().in_flight += count;
        }
        for (tenant, last) in turns {
            let queue = hall.namespaces.entry(&tenant.namespace).or_default();
            queue.last = queue.last.max(*last);
            queue.clients.entry(&tenant.client).or_default().last = *last;
        }
        hall
    }

    fn queue(&mut self, place: usize, run: &'a Waiting) {
        let queue = self.namespaces.entry(&run.tenant.namespace).or_default();
        let client = queue.clients.entry(&run.tenant.client).or_default();
        client.runs.push((Reverse(run.created), place));
    }

    /// Takes out the run whose turn it is.
    fn next(&mut self) -> Option<(Tenant, usize)> {
        let waiting = self
            .namespaces
            .iter_mut()
            .filter(|(_, queue)| queue.clients.values().any(|client| !client.runs.is_empty()));
        let (namespace, queue) = waiting.min_by_key(|(_, queue)| (queue.in_flight, queue.last))?;
        let clients = queue.clients.iter_mut().filter(|(_, client)| !client.runs.is_empty());
        let (name, client) = clients.min_by_key(|(_, client)| (client.in_flight, client.last))?;
        if !client.sorted {
            client.runs.sort_unstable();
            client.sorted = true;
        }
        let (_, place) = client.runs.pop()?;
        Some((Tenant { namespace: (*namespace).to_owned(), client: (*name).to_owned() }, place))
    }

    fn in_flight(&self, namespace: &str) -> usize {
        self.namespaces.get(namespace).map_or(0, |queue| queue.in_flight)
    }

    fn serve(&mut self, tenant: &Tenant) {
        let now = self.now;
        self.now += 1;
        if let Some(queue) = self.namespaces.get_mut(tenant.namespace.as_str()) {
            queue.in_flight += 1;
            queue.last = now;
            if let Some(client) = queue.clients.get_mut(tenant.client.as_str()) {
                client.in_flight += 1;
                client.last = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use k8s_openapi::jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::{Concurrency, Hold, InUse, Need, PoolOffer, Share, Shares, Tenant, Turns, Waiting, share};

    fn tenant(namespace: &str, client: &str) -> Tenant {
        Tenant { namespace: namespace.into(), client: client.into() }
    }

    fn waiting(run: &str, tenant: Tenant, second: i64) -> Waiting {
        let created = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        Waiting { run: run.into(), tenant, created, need: Need { language: "python".into(), memory: 256 } }
    }

    fn pool(memory: u64, free: usize, burst: Option<usize>) -> PoolOffer {
        PoolOffer {
            name: format!("python-{memory}"),
            has: Need { language: "python".into(), memory },
            burst,
            free: (0..free).map(|number| format!("{memory}-{number}")).collect(),
        }
    }

    fn order(runs: &[Waiting], in_use: &InUse, turns: &Turns, most: &Concurrency) -> Vec<String> {
        let Shares { given, .. } = share(&runs.iter().collect::<Vec<_>>(), &[], in_use, turns, most);
        given.into_iter().map(|(place, _)| runs[place].run.clone()).collect()
    }

    #[test]
    fn the_many_runs_of_one_namespace_do_not_hold_up_the_one_of_another() {
        let mut runs: Vec<Waiting> =
            (0..500).map(|number| waiting(&format!("many-{number}"), tenant("a", ""), number)).collect();
        runs.push(waiting("one", tenant("b", ""), 1000));
        let most = Concurrency { starting_pods: 3, ..Concurrency::default() };
        assert_eq!(order(&runs, &InUse::default(), &Turns::new(), &most), ["many-0", "one", "many-1"]);
        let busy = InUse { runs: HashMap::from([(tenant("a", ""), 5)]), ..InUse::default() };
        assert_eq!(order(&runs, &busy, &Turns::new(), &most)[0], "one");
    }

    #[test]
    fn clients_of_a_namespace_take_turns_and_the_last_one_served_comes_last() {
        let runs = [
            waiting("x1", tenant("a", "x"), 1),
            waiting("x2", tenant("a", "x"), 2),
            waiting("y1", tenant("a", "y"), 3),
            waiting("z1", tenant("b", ""), 4),
        ];
        let all = Concurrency::default();
        assert_eq!(order(&runs, &InUse::default(), &Turns::new(), &all), ["x1", "z1", "y1", "x2"]);
        let turns = Turns::from([(tenant("a", "x"), 7), (tenant("b", ""), 3)]);
        assert_eq!(order(&runs, &InUse::default(), &turns, &all), ["z1", "y1", "x1", "x2"]);
    }

    #[test]
    fn a_run_gets_the_smallest_pod_that_will_do_and_else_one_of_its_own() {
        let runs: Vec<Waiting> = (0..4).map(|number| waiting("r", tenant("a", ""), number)).collect();
        let pools = [pool(1024, 1, None), pool(128, 1, None), pool(256, 1, Some(1))];
        let Shares { given: shares, held } =
            share(&runs.iter().collect::<Vec<_>>(), &pools, &InUse::default(), &Turns::new(), &Concurrency::default());
        let got: Vec<Share> = shares.into_iter().map(|(_, got)| got).collect();
        let warm = |pod: &str, pool: &str| Share::Warm { pod: pod.into(), pool: pool.into() };
        let own = Share::Cold { pool: Some("python-256".into()) };
        assert_eq!(got, [warm("256-0", "python-256"), warm("1024-0", "python-1024"), own]);
        assert_eq!(held, [(3, Hold::Burst(1))]);
    }

    #[test]
    fn who_gets_nothing_is_told_what_stands_in_the_way() {
        let runs = [waiting("a1", tenant("a", ""), 0), waiting("a2", tenant("a", ""), 1)];
        let hold = |most| share(&runs.iter().collect::<Vec<_>>(), &[], &InUse::default(), &Turns::new(), &most).held;
        let most = Concurrency::default();
        assert_eq!(hold(Concurrency { runs: 1, ..most }), [(1, Hold::Runs(1))]);
        assert_eq!(hold(Concurrency { runs_per_namespace: 1, ..most }), [(1, Hold::Namespace(1))]);
        assert_eq!(hold(Concurrency { starting_pods: 1, ..most }), [(1, Hold::Starting(1))]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn bounds_hold_no_pod_is_given_twice_and_nobody_waits_without_a_reason(
            tenants in proptest::collection::vec((0..3_u8, 0..2_u8, 0..50_i64), 0..40),
            busy in 0..12_usize, free in 0..6_usize, starting in 0..6_usize,
            most in (1..20_usize, 1..12_usize, 0..6_usize),
        ) {
            let most = Concurrency { runs: most.0, runs_per_namespace: most.1, starting_pods: most.2 };
            let runs: Vec<Waiting> = tenants.iter().enumerate().map(|(number, (namespace, client, second))| {
                waiting(&number.to_string(), tenant(&namespace.to_string(), &client.to_string()), *second)
            }).collect();
            let in_use = InUse { runs: HashMap::from([(tenant("0", "0"), busy)]), starting, ..InUse::default() };
            let Shares { given: shares, held } = share(&runs.iter().collect::<Vec<_>>(), &[pool(256, free, None)], &in_use, &Turns::new(), &most);

            prop_assert_eq!(shares.len() + held.len(), runs.len());
            let pods: Vec<&String> =
                shares.iter().filter_map(|(_, got)| if let Share::Warm { pod, .. } = got { Some(pod) } else { None }).collect();
            let distinct: std::collections::HashSet<_> = pods.iter().collect();
            prop_assert_eq!(distinct.len(), pods.len());
            prop_assert!(busy + shares.len() <= most.runs.max(busy));
            prop_assert!(starting + shares.len() - pods.len() <= most.starting_pods.max(starting));
            // Cold ones only once no pod is free.
            prop_assert!(pods.len() == free || shares.len() == pods.len());
            for namespace in 0..3_u8 {
                let of = |place: &usize| runs[*place].tenant.namespace == namespace.to_string();
                let already = if namespace == 0 { busy } else { 0 };
                let now = already + shares.iter().filter(|(place, _)| of(place)).count();
                prop_assert!(now <= most.runs_per_namespace.max(already));
                // No run of a client is served before an older one of the same client.
                for (place, _) in &held {
                    for (served, _) in shares.iter().filter(|(served, _)| runs[*served].tenant == runs[*place].tenant) {
                        prop_assert!(runs[*served].created <= runs[*place].created);
                    }
                }
            }
        }
    }
}
