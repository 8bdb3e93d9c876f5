//! The runner of a run's pod, seen from the front door: what it tells, and what may be written to its program.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};
use locus_api::labels;
use locus_core::token::{Claims, Scope, TokenSigner};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::lines::Lines;
use super::seen::Claimed;

/// The port that runners listen on.
pub const RUNNER_PORT: u16 = 7070;
/// Seconds that a token is good for: it is looked at when a request begins.
const TOKEN_SECONDS: u64 = 60;
/// The time to a connection, and from there to the head of an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer that is read whole.
const ANSWER_MAX: usize = 64 << 10;
/// The most pods whose places are remembered.
const PLACES_MAX: usize = 4096;

/// Why a runner did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// No key to sign with.
    #[error("this server has no key that runners know (--reader-key-file)")]
    NoKey,
    /// The pod is gone, or another one has its name.
    #[error("the run's pod is gone")]
    Gone,
    /// The cluster does not let this server see the pod.
    #[error("the run's pod can't be looked up: {0}")]
    Forbidden(String),
    /// No connection: nothing was sent.
    #[error("the runner can't be reached: {0}")]
    Connect(String),
    /// It broke after something may have been sent.
    #[error("the connection to the runner broke: {0}")]
    Broken(String),
    /// Any other answer than a good one.
    #[error("the runner answered {status}: {body}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The answer's text.
        body: String,
    },
    /// It tells something that this server has no word for.
    #[error("the runner tells something that can't be read: {0}")]
    Malformed(String),
}

impl RunnerError {
    /// Whether asking again would not help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NoKey | Self::Gone | Self::Forbidden(_) | Self::Malformed(_) => true,
            Self::Connect(_) | Self::Broken(_) => false,
            // The run may be on its way to the runner; a key that it does not know stays unknown.
            Self::Status { status, .. } => *status != StatusCode::NOT_FOUND && status.is_client_error(),
        }
    }
}

/// The way to a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Over the cluster's network.
    Direct {
        /// The port that runners listen on.
        port: u16,
    },
    /// Through the API server, from outside the cluster.
    PortForward,
}

/// How runners are reached, and with which keys.
pub struct Runners {
    route: Route,
    pods: Api<Pod>,
    keys: Vec<TokenSigner>,
    /// Where a pod is, by its UID: it does not change as long as the pod lives.
    places: Mutex<HashMap<String, Place>>,
}

/// What the cluster says of a pod.
#[derive(Clone)]
struct Place {
    address: IpAddr,
    /// The public keys that its runner knows readers by.
    readers: String,
}

/// What is asked of a runner.
struct Ask<'a> {
    method: Method,
    path: String,
    pod: &'a Claimed,
    run: &'a str,
    scope: Scope,
    body: Bytes,
}

impl Runners {
    /// Runners whose pods are these; without a key none is asked anything. One that knows several of the keys is shown the
    /// first.
    pub fn new(route: Route, pods: Api<Pod>, keys: Vec<TokenSigner>) -> Self {
        Self { route, pods, keys, places: Mutex::default() }
    }

    /// Whether there is a key.
    pub const fn can_be_asked(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What a run's runner tells, from the start.
    pub async fn events(&self, pod: &Claimed, run: &str) -> Result<Lines, RunnerError> {
        let path = format!("/v1/runs/{run}/events");
        let ask = Ask { method: Method::GET, path, pod, run, scope: Scope::Read, body: Bytes::new() };
        let body = good(self.ask(ask).await?).await?;
        Ok(Lines::of(body))
    }

    /// Writes to a run's standard input; the answer is what the runner says of it.
    pub async fn write(&self, pod: &Claimed, run: &str, query: &str, data: Bytes) -> Result<Bytes, RunnerError> {
        let path = format!("/v1/runs/{run}/stdin{query}");
        let ask = Ask { method: Method::POST, path, pod, run, scope: Scope::Stdin, body: data };
        text(good(self.ask(ask).await?).await?).await
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Response<Incoming>, RunnerError> {
        if !self.can_be_asked() {
            return Err(RunnerError::NoKey);
        }
        let slow = |_| RunnerError::Connect("it takes too long".to_owned());
        let dialled = tokio::time::timeout(PATIENCE, self.dial(ask.pod)).await.map_err(slow).and_then(|it| it);
        let (place, stream) = dialled.inspect_err(|_| self.forget(ask.pod))?;
        let token = self.token(&ask, &place)?;
        let request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, "runner")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(ask.body))
            .map_err(|error| RunnerError::Malformed(error.to_string()))?;
        let broken = |error: hyper::Error| RunnerError::Broken(error.to_string());
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(driver);
        let slow = |_| RunnerError::Broken("it does not answer".to_owned());
        tokio::time::timeout(PATIENCE, connection.send_request(request)).await.map_err(slow)?.map_err(broken)
    }

    async fn dial(&self, pod: &Claimed) -> Result<(Place, Box<dyn Stream>), RunnerError> {
        let failed = |error: &dyn std::fmt::Display| RunnerError::Connect(error.to_string());
        let place = self.place(pod).await?;
        match self.route {
            Route::Direct { port } => {
                let stream = TcpStream::connect((place.address, port)).await.map_err(|error| failed(&error))?;
                stream.set_nodelay(true).map_err(|error| failed(&error))?;
                Ok((place, Box::new(stream)))
            }
            Route::PortForward => {
                let forward = self.pods.portforward(&pod.name, &[RUNNER_PORT]).await;
                let stream = forward.map_err(|error| failed(&error))?.take_stream(RUNNER_PORT);
                Ok((place, Box::new(stream.ok_or_else(|| failed(&"no stream"))?)))
            }
        }
    }

    /// Where the pod is: the one that was claimed, and not another of its name.
    async fn place(&self, pod: &Claimed) -> Result<Place, RunnerError> {
        if let Some(known) = self.places().get(&pod.uid) {
            return Ok(known.clone());
        }
        let found = self.pods.get_opt(&pod.name).await.map_err(|error| match &error {
            kube::Error::Api(status) if status.is_forbidden() => RunnerError::Forbidden(status.message.clone()),
            error => RunnerError::Connect(error.to_string()),
        })?;
        let found = found.filter(|found| found.metadata.uid.as_ref() == Some(&pod.uid)).ok_or(RunnerError::Gone)?;
        let readers = found.annotations().get(labels::READER_KEYS).cloned().unwrap_or_default();
        let status = found.status.unwrap_or_default();
        if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            return Err(RunnerError::Gone);
        }
        let address = status.pod_ip.and_then(|ip| ip.parse().ok());
        let address = address.ok_or_else(|| RunnerError::Connect("its pod has no address yet".to_owned()))?;
        let place = Place { address, readers };
        let mut places = self.places();
        if places.len() >= PLACES_MAX {
            places.clear();
        }
        places.insert(pod.uid.clone(), place.clone());
        Ok(place)
    }

    /// Looks the pod up again next time.
    fn forget(&self, pod: &Claimed) {
        self.places().remove(&pod.uid);
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashMap<String, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, ask: &Ask<'_>, place: &Place) -> Result<String, RunnerError> {
        // A pod that was made before the key was replaced knows the one before.
        let known = self.keys.iter().find(|key| place.readers.split(',').any(|known| known == key.public_key()));
        let key = known.or(self.keys.first()).ok_or(RunnerError::NoKey)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let (aud, run) = (ask.pod.uid.clone(), ask.run.to_owned());
        Ok(key.sign(&Claims { aud, run, scope: ask.scope, exp: now + TOKEN_SECONDS, body: None }))
    }
}

async fn good(response: Response<Incoming>) -> Result<Incoming, RunnerError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response.into_body());
    }
    let body = text(response.into_body()).await?;
    Err(RunnerError::Status { status, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn text(body: Incoming) -> Result<Bytes, RunnerError> {
    let broken = |error: &dyn std::fmt::Display| RunnerError::Broken(error.to_string());
    let body = tokio::time::timeout(PATIENCE, Limited::new(body, ANSWER_MAX).collect());
    Ok(body.await.map_err(|error| broken(&error))?.map_err(|error| broken(&error))?.to_bytes())
}

/// A connection to a runner, whatever way it takes.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
