//! The runner's HTTP, seen from the operator.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use locus_core::token::{Claims, Scope, body_digest};
use locus_core::{Event, PodInfo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::keys::Keys;
use crate::pod::RUNNER_PORT;
use crate::pod_view::Address;

/// Seconds that a token is good for: a request takes much less.
const TOKEN_SECONDS: u64 = 60;

/// The time that a short request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request to a runner failed.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// No connection.
    #[error("the runner can't be reached: {0}")]
    Connect(String),
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection to the runner broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The event stream ended early.
    #[error("the runner's events ended before the run did")]
    Ended,
    /// The answer took too long.
    #[error("the runner did not answer in time")]
    Slow,
    /// The runner has accepted another run.
    #[error("the runner has accepted another run")]
    OtherRun,
    /// The pod of that name is another one.
    #[error("the pod was replaced by another one of the same name")]
    OtherPod,
    /// No key that the pod knows is at hand.
    #[error("the pod was made with a signing key that this operator does not have")]
    NoKey,
    /// Any other answer.
    #[error("the runner answered {status}: {body}")]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The answer's text.
        body: String,
    },
    /// The answer was not what it should be.
    #[error("the runner's answer can't be read: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// How runners are reached, and with which keys.
#[derive(Clone)]
pub struct Dialler {
    /// The way to a pod.
    pub route: Route,
    /// The keys that sign tokens.
    pub keys: Arc<Keys>,
}

/// The way to a pod.
#[derive(Clone)]
pub enum Route {
    /// Over the cluster's network.
    Direct {
        /// The port that runners listen on.
        port: u16,
    },
    /// Through the API server, from outside the cluster.
    PortForward(Box<Api<Pod>>),
    /// Any other way: to runners that stand in the same process, say.
    Custom(Arc<dyn Connect>),
}

/// A way to the runner of a pod.
pub trait Connect: Send + Sync {
    /// Opens a connection.
    fn connect(&self, address: &Address) -> BoxFuture<'static, std::io::Result<Box<dyn Stream>>>;
}

/// A client of the runner in one pod, for one run.
pub struct RunnerClient {
    dialler: Dialler,
    address: Address,
    run_uid: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl RunnerClient {
    /// A client that has not dialled yet.
    #[must_use]
    pub fn new(dialler: Dialler, address: Address, run_uid: String) -> Self {
        Self { dialler, address, run_uid, connection: None }
    }

    /// The same connection, for this run.
    #[must_use]
    pub fn for_run(self, run_uid: String) -> Self {
        Self { run_uid, ..self }
    }

    /// Whether there is a connection that can carry a request.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| !connection.is_closed())
    }

    /// A client of the same runner with a connection of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(self.dialler.clone(), self.address.clone(), self.run_uid.clone())
    }

    /// Dials, and makes sure that the pod is the one that was meant.
    ///
    /// # Errors
    /// When the runner can't be reached or is another one.
    pub async fn connect(&mut self) -> Result<PodInfo, RunnerError> {
        let stream =
            tokio::time::timeout(Duration::from_secs(5), self.dial()).await.map_err(|_| RunnerError::Slow)??;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        self.connection = Some(connection);
        self.pod().await
    }

    /// Asks the runner who it is and which run it has.
    ///
    /// # Errors
    /// When it can't be reached or is another one.
    pub async fn pod(&mut self) -> Result<PodInfo, RunnerError> {
        let pod: PodInfo = serde_json::from_slice(&self.short(Method::GET, "/v1/pod", Bytes::new()).await?)?;
        if pod.pod_uid == self.address.pod_uid { Ok(pod) } else { Err(RunnerError::OtherPod) }
    }

    /// Makes the runner take no run any more.
    ///
    /// # Errors
    /// [`RunnerError::OtherRun`] when it has one.
    pub async fn retire(mut self) -> Result<(), RunnerError> {
        if !self.is_open() {
            self.connect().await?;
        }
        match self.short(Method::DELETE, "/v1/pod", Bytes::new()).await {
            Err(RunnerError::Status { status: StatusCode::CONFLICT, .. }) => Err(RunnerError::OtherRun),
            other => other.map(drop),
        }
    }

    async fn dial(&self) -> Result<Box<dyn Stream>, RunnerError> {
        let failed = |error: &dyn std::fmt::Display| RunnerError::Connect(error.to_string());
        match &self.dialler.route {
            Route::Direct { port } => {
                let ip = self.address.ip.parse::<std::net::IpAddr>().map_err(|error| failed(&error))?;
                let stream = TcpStream::connect((ip, *port)).await.map_err(|error| failed(&error))?;
                stream.set_nodelay(true).map_err(|error| failed(&error))?;
                Ok(Box::new(stream))
            }
            Route::PortForward(pods) => {
                let mut forward =
                    pods.portforward(&self.address.pod_name, &[RUNNER_PORT]).await.map_err(|error| failed(&error))?;
                let stream = forward.take_stream(RUNNER_PORT).ok_or_else(|| failed(&"no stream"))?;
                Ok(Box::new(stream))
            }
            Route::Custom(way) => way.connect(&self.address).await.map_err(|error| failed(&error)),
        }
    }

    /// Starts the run; a runner that has it already says so and starts nothing.
    ///
    /// # Errors
    /// [`RunnerError::OtherRun`] proves that the run never started there.
    pub async fn start(&mut self, assignment: &Bytes) -> Result<(), RunnerError> {
        let path = format!("/v1/runs/{}", self.run_uid);
        match self.short(Method::PUT, &path, assignment.clone()).await {
            Err(RunnerError::Status { status: StatusCode::CONFLICT, .. }) => Err(RunnerError::OtherRun),
            other => other.map(drop),
        }
    }

    /// Makes sure that the runner has the run, or else never will.
    ///
    /// # Errors
    /// [`RunnerError::OtherRun`] proves that the run never started there.
    pub async fn resume(&mut self) -> Result<(), RunnerError> {
        let any = Self::new(self.dialler.clone(), self.address.clone(), String::new());
        match any.retire().await {
            Ok(()) => return Err(RunnerError::OtherRun),
            Err(RunnerError::OtherRun) => {}
            Err(error) => return Err(error),
        }
        let path = format!("/v1/runs/{}", self.run_uid);
        match self.short(Method::GET, &path, Bytes::new()).await {
            Err(RunnerError::Status { status: StatusCode::NOT_FOUND, .. }) => Err(RunnerError::OtherRun),
            other => other.map(drop),
        }
    }

    /// Follows the run's events from its start to its end.
    ///
    /// # Errors
    /// When the connection breaks first.
    pub async fn follow(&mut self, mut on_event: impl FnMut(Event)) -> Result<(), RunnerError> {
        let path = format!("/v1/runs/{}/events", self.run_uid);
        let response = self.request(Method::GET, &path, Bytes::new()).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            return Err(RunnerError::Status { status, body: text(&body.collect().await?.to_bytes()) });
        }
        let mut pending = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            // What came before holds no end of a line: a line may be a whole file.
            let mut searched = pending.len();
            pending.extend_from_slice(&data);
            while let Some(end) = pending[searched..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=searched + end).collect();
                searched = 0;
                let event: Event = serde_json::from_slice(&line)?;
                let finished = matches!(event, Event::Finished { .. });
                on_event(event);
                if finished {
                    // Read to the end, so that the connection can carry the acknowledgement.
                    while let Some(frame) = body.frame().await {
                        drop(frame?);
                    }
                    return Ok(());
                }
            }
        }
        Err(RunnerError::Ended)
    }

    /// Asks the runner to stop the run, over a connection of its own.
    ///
    /// # Errors
    /// When the runner can't be reached; its own deadline then ends the run.
    pub async fn cancel(mut self) -> Result<(), RunnerError> {
        self.connect().await?;
        let path = format!("/v1/runs/{}", self.run_uid);
        self.short(Method::DELETE, &path, Bytes::new()).await.map(drop)
    }

    /// Tells the runner that the result is safe.
    ///
    /// # Errors
    /// When the runner can't be reached.
    pub async fn acknowledge(&mut self) -> Result<(), RunnerError> {
        let path = format!("/v1/runs/{}/ack", self.run_uid);
        self.short(Method::POST, &path, Bytes::new()).await.map(drop)
    }

    async fn short(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes, RunnerError> {
        let answer = async {
            let response = self.request(method, path, body).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(RunnerError::Status { status, body: text(&body) }) }
        };
        tokio::time::timeout(REQUEST_TIMEOUT, answer).await.map_err(|_| RunnerError::Slow)?
    }

    async fn request(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, RunnerError> {
        let token = self.token((method == Method::PUT).then_some(&body))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "runner")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::new(body))
            .expect("the parts of the request are well formed");
        let connection = self.connection.as_mut().ok_or_else(|| RunnerError::Connect("not connected".into()))?;
        connection.ready().await?;
        Ok(connection.send_request(request).await?)
    }

    fn token(&self, body: Option<&Bytes>) -> Result<String, RunnerError> {
        let signer = self.dialler.keys.signer_for(&self.address.public_keys).ok_or(RunnerError::NoKey)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        Ok(signer.sign(&Claims {
            aud: self.address.pod_uid.clone(),
            run: self.run_uid.clone(),
            scope: Scope::Run,
            exp: now + TOKEN_SECONDS,
            body: body.map(|body| body_digest(body)),
        }))
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned()
}

/// A connection to a runner, whatever way it takes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
