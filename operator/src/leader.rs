//! One operator of several works, by a Lease. It saves work and nothing rests on it: two at one time lose nothing and
//! run nothing twice.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};

/// The Lease's name, in the namespace of the run pods.
const NAME: &str = "locus-operator";
/// How long a leader that was not heard of is waited for.
const TTL: Duration = Duration::from_secs(6);
/// How often the leader renews, and the others ask.
const PERIOD: Duration = Duration::from_secs(2);

/// Why the lease was not asked for.
#[derive(Debug, thiserror::Error)]
enum ElectionError {
    #[error("the API server does not answer in time")]
    Slow,
    #[error(transparent)]
    Api(#[from] kube::Error),
}

/// A place in the election.
pub struct Candidate {
    leases: Api<Lease>,
    holder: String,
}

/// A lease as it was last seen to change, by this process' clock: those of two machines may differ.
struct Seen {
    spec: LeaseSpec,
    at: Instant,
}

impl Candidate {
    /// A candidate. The same `holder` is known again after a restart.
    #[must_use]
    pub fn new(client: Client, namespace: &str, holder: String) -> Self {
        Self { leases: Api::namespaced(client, namespace), holder }
    }

    /// Waits until it leads.
    pub async fn elected(&self) {
        let mut seen = None;
        loop {
            match self.try_in_time(&mut seen).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the lease can't be had, trying again"),
            }
            sleep(PERIOD).await;
        }
    }

    /// Renews until it does not lead any more.
    pub async fn replaced(&self) {
        let (mut seen, mut renewed) = (None, Instant::now());
        loop {
            sleep(PERIOD).await;
            match self.try_in_time(&mut seen).await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the lease can't be renewed, trying again"),
            }
            if renewed.elapsed() > TTL {
                return;
            }
        }
    }

    /// Leaves the place to the next one at once.
    pub async fn step_down(&self) {
        let given_back = async {
            let mut lease = self.leases.get(NAME).await?;
            if let Some(spec) = lease.spec.as_mut().filter(|spec| spec.holder_identity.as_ref() == Some(&self.holder)) {
                spec.holder_identity = None;
                self.leases.replace(NAME, &PostParams::default(), &lease).await?;
            }
            Ok::<_, kube::Error>(())
        };
        if let Err(error) = given_back.await {
            tracing::info!(%error, "the lease was not given back, it runs out by itself");
        }
    }

    async fn try_in_time(&self, seen: &mut Option<Seen>) -> Result<bool, ElectionError> {
        Ok(timeout(TTL, self.try_to_lead(seen)).await.map_err(|_| ElectionError::Slow)??)
    }

    /// Takes or renews the lease if nobody else has it; whether it did. A write that rests on an old lease is refused by
    /// its resource version.
    async fn try_to_lead(&self, seen: &mut Option<Seen>) -> kube::Result<bool> {
        let Some(mut lease) = self.leases.get_opt(NAME).await? else {
            let metadata = ObjectMeta { name: Some(NAME.into()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.renewed(LeaseSpec::default())) };
            return written(self.leases.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.take().unwrap_or_default();
        if seen.as_ref().is_none_or(|seen| seen.spec != spec) {
            *seen = Some(Seen { spec: spec.clone(), at: Instant::now() });
        }
        let expired = seen.as_ref().is_some_and(|seen| seen.at.elapsed() > TTL);
        let taken = spec.holder_identity.as_ref().is_some_and(|holder| !holder.is_empty() && *holder != self.holder);
        if taken && !expired {
            return Ok(false);
        }
        lease.spec = Some(self.renewed(spec));
        written(self.leases.replace(NAME, &PostParams::default(), &lease).await)
    }

    fn renewed(&self, old: LeaseSpec) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let stays = old.holder_identity.as_ref() == Some(&self.holder);
        LeaseSpec {
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: i32::try_from(TTL.as_secs()).ok(),
            acquire_time: old.acquire_time.filter(|_| stays).or_else(|| Some(now.clone())),
            lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(!stays)),
            renew_time: Some(now),
            ..old
        }
    }
}

fn written<T>(answer: kube::Result<T>) -> kube::Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        // Somebody else was faster.
        Err(kube::Error::Api(answer)) if answer.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use kube::Client;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::Candidate;

    /// An API server that keeps one lease.
    fn client(lease: Arc<Mutex<Option<Value>>>) -> Client {
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let lease = lease.clone();
            async move {
                let method = request.method().clone();
                let body = request.into_body().collect().await?.to_bytes();
                let mut lease = lease.lock().expect("not poisoned");
                let (code, answer) = match (method.as_str(), lease.clone()) {
                    ("GET", Some(lease)) => (200, lease),
                    ("GET", None) => (404, json!({"kind": "Status", "code": 404, "message": "", "reason": "NotFound"})),
                    (_, old) => {
                        let mut new: Value = serde_json::from_slice(&body)?;
                        let version = old.map_or(json!("0"), |old| old["metadata"]["resourceVersion"].clone());
                        if *new["metadata"].get("resourceVersion").unwrap_or(&json!("0")) == version {
                            let next = version.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) + 1;
                            new["metadata"]["resourceVersion"] = json!(next.to_string());
                            *lease = Some(new.clone());
                            (200, new)
                        } else {
                            (409, json!({"kind": "Status", "code": 409, "message": "", "reason": "Conflict"}))
                        }
                    }
                };
                let answer = http::Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, tower::BoxError>(answer?)
            }
        });
        Client::new(service, "default")
    }

    #[tokio::test(start_paused = true)]
    async fn one_leads_until_it_steps_down_or_is_not_heard_of() {
        let lease = Arc::default();
        let candidate = |name: &str| Candidate::new(client(Arc::clone(&lease)), "locus-runs", name.to_owned());
        let (first, second) = (candidate("a"), candidate("b"));
        first.elected().await;
        let again = candidate("a");
        assert!(leads_at_once(&again).await, "a leader that starts again leads at once");

        let waiting = tokio::spawn(async move { second.elected().await });
        let renewing = tokio::time::timeout(Duration::from_secs(60), first.replaced()).await;
        assert!(renewing.is_err() && !waiting.is_finished(), "one that renews stays");
        // Now nobody renews.
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it takes over").expect("no panic");
        let lost = tokio::time::timeout(Duration::from_secs(5), first.replaced()).await;
        assert!(lost.is_ok(), "the old leader learns of it");

        candidate("b").step_down().await;
        assert!(leads_at_once(&candidate("c")).await);
    }

    async fn leads_at_once(candidate: &Candidate) -> bool {
        tokio::time::timeout(Duration::from_secs(1), candidate.elected()).await.is_ok()
    }
}
