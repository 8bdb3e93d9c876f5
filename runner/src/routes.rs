//! The runner's HTTP: who may ask what.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use locus_core::token::{Demand, Scope, TokenError, TokenVerifier};
use locus_core::{Assignment, PodInfo, RunState, Standby};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::execute::Place;
use crate::input::InputError;
use crate::run::{Post, Run};
use crate::sandbox;
use crate::signals::{Cancel, Canceller};

/// The most bytes of an assignment.
const BODY_MAX: usize = 8 << 20;
/// The time that sending one may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// The most bytes of input at a time.
const INPUT_MAX: usize = 64 << 10;

const RUN: &[Scope] = &[Scope::Run];
const READ: &[Scope] = &[Scope::Run, Scope::Read];
const STDIN: &[Scope] = &[Scope::Run, Scope::Stdin];

/// What the routes share: one pod, and at most one run.
pub struct Runner {
    pod_uid: String,
    verifier: TokenVerifier,
    post: Post,
    taken: watch::Sender<Taken>,
    canceller: Canceller,
    acknowledged: Notify,
}

/// What has become of the one place for a run.
#[derive(Debug, Clone)]
enum Taken {
    /// It is free.
    No,
    /// The run has it.
    By(Arc<Run>),
    /// No run will have it.
    Retired,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a bearer token is required")]
    NoToken,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("this pod has no run {0:?}")]
    UnknownRun(String),
    #[error("this pod has accepted another run")]
    OtherRun,
    #[error("this pod takes no run any more")]
    Retired,
    #[error("this pod has a run")]
    HasRun,
    #[error("the run has not ended yet")]
    StillRunning,
    #[error("the assignment can't be read: {0}")]
    Malformed(String),
    #[error("the body is longer than {0} bytes or broke off")]
    Body(usize),
    #[error("the body took too long to arrive")]
    Slow,
    #[error("give ?at= a number and &end= true or false")]
    Query(#[from] QueryRejection),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("the run can't be started: {0}")]
    Start(#[from] io::Error),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoToken | Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::UnknownRun(_) => StatusCode::NOT_FOUND,
            Self::OtherRun
            | Self::Retired
            | Self::HasRun
            | Self::StillRunning
            | Self::Input(InputError::Gap { .. }) => StatusCode::CONFLICT,
            Self::Malformed(_) | Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Body(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Input(InputError::Full { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Input(InputError::NotInteractive | InputError::Over | InputError::Ended) => StatusCode::GONE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Start(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut answer = json!({ "error": self.to_string() });
        if let Self::Input(InputError::Gap { taken } | InputError::Full { taken }) = self {
            answer["taken"] = taken.into();
        }
        (status, Json(answer)).into_response()
    }
}

impl Runner {
    /// A runner that has no run yet; `standby` is what it holds ready for one.
    pub fn new(
        pod_uid: String,
        verifier: TokenVerifier,
        place: Place,
        standby: Option<Standby>,
    ) -> io::Result<Arc<Self>> {
        let (canceller, cancel) = Cancel::by_hand()?;
        let post = Post::start(place, cancel, standby)?;
        let taken = watch::Sender::new(Taken::No);
        Ok(Arc::new(Self { pod_uid, verifier, post, taken, canceller, acknowledged: Notify::new() }))
    }

    /// The run, if one was accepted.
    pub fn run(&self) -> Option<Arc<Run>> {
        match &*self.taken.borrow() {
            Taken::By(run) => Some(run.clone()),
            Taken::No | Taken::Retired => None,
        }
    }

    /// Waits until a run has been accepted.
    pub async fn accepted(&self) -> Arc<Run> {
        let mut taken = self.taken.subscribe();
        loop {
            if let Taken::By(run) = &*taken.borrow_and_update() {
                return run.clone();
            }
            // The sender is this value's own, so it is there.
            let _ = taken.changed().await;
        }
    }

    /// Waits until the result was acknowledged.
    pub async fn acknowledged(&self) {
        self.acknowledged.notified().await;
    }

    /// Stops the run; one that comes later is stopped at once.
    pub fn cancel(&self) {
        self.canceller.cancel();
    }

    /// The routes.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/readyz", get(async || Json(sandbox::report_of_pod())))
            .route("/v1/pod", get(pod).delete(retire))
            .route("/v1/runs/{uid}", get(state).put(start).delete(cancel))
            .route("/v1/runs/{uid}/events", get(events))
            .route("/v1/runs/{uid}/stdin", post(stdin))
            .route("/v1/runs/{uid}/ack", post(acknowledge))
            .with_state(self)
    }

    fn authorize(&self, headers: &HeaderMap, run: &str, scopes: &[Scope], body: Option<&[u8]>) -> Result<(), Refusal> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Refusal::NoToken)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |age| age.as_secs());
        self.verifier.verify(token, Demand { pod: &self.pod_uid, run, scopes, body, now })?;
        Ok(())
    }

    fn find(&self, headers: &HeaderMap, uid: &str, scopes: &[Scope]) -> Result<Arc<Run>, Refusal> {
        self.authorize(headers, uid, scopes, None)?;
        self.run().filter(|run| run.uid == uid).ok_or_else(|| Refusal::UnknownRun(uid.to_owned()))
    }

    /// Accepts the first run, knows it again, and refuses every other one.
    fn accept(&self, assignment: Assignment) -> Result<(StatusCode, RunState), Refusal> {
        let mut answer = Err(Refusal::OtherRun);
        self.taken.send_if_modified(|taken| {
            match taken {
                Taken::No => match self.post.run(assignment) {
                    Ok(run) => {
                        answer = Ok((StatusCode::CREATED, run.state()));
                        *taken = Taken::By(Arc::new(run));
                        return true;
                    }
                    Err(error) => answer = Err(error.into()),
                },
                Taken::By(run) if run.uid == assignment.uid => answer = Ok((StatusCode::OK, run.state())),
                Taken::By(_) => {}
                Taken::Retired => answer = Err(Refusal::Retired),
            }
            false
        });
        answer
    }

    /// Takes no run from now on; whether it has none.
    fn retire(&self) -> bool {
        let mut retired = true;
        self.taken.send_if_modified(|taken| {
            retired = !matches!(taken, Taken::By(_));
            let changes = matches!(taken, Taken::No);
            if changes {
                *taken = Taken::Retired;
            }
            changes
        });
        retired
    }
}

type Shared = State<Arc<Runner>>;

async fn pod(State(runner): Shared) -> Json<PodInfo> {
    let run_uid = runner.run().map(|run| run.uid.clone());
    let prestarted = run_uid.is_none() && runner.post.is_ready();
    let retired = matches!(*runner.taken.borrow(), Taken::Retired);
    Json(PodInfo { pod_uid: runner.pod_uid.clone(), run_uid, prestarted, retired })
}

/// The token is for this pod and for no run.
async fn retire(State(runner): Shared, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    runner.authorize(&headers, "", RUN, None)?;
    if runner.retire() { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::HasRun) }
}

async fn start(
    State(runner): Shared,
    Path(uid): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<RunState>), Refusal> {
    let (parts, body) = request.into_parts();
    // Before a byte of the body is held: strangers can't fill the runner's memory.
    runner.authorize(&parts.headers, &uid, RUN, None)?;
    let body = read(body, BODY_MAX).await?;
    runner.authorize(&parts.headers, &uid, RUN, Some(&body))?;
    let assignment: Assignment =
        serde_json::from_slice(&body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if assignment.uid != uid {
        return Err(Refusal::Malformed(format!("it is for run {:?}", assignment.uid)));
    }
    let (status, state) = runner.accept(assignment)?;
    Ok((status, Json(state)))
}

async fn read(body: Body, most: usize) -> Result<Bytes, Refusal> {
    let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, most)).await;
    body.map_err(|_| Refusal::Slow)?.map_err(|_| Refusal::Body(most))
}

async fn state(State(runner): Shared, Path(uid): Path<String>, headers: HeaderMap) -> Result<Json<RunState>, Refusal> {
    Ok(Json(runner.find(&headers, &uid, READ)?.state()))
}

async fn events(State(runner): Shared, Path(uid): Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let run = runner.find(&headers, &uid, READ)?;
    let lines = futures::stream::unfold(run.journal.reader(), async |mut reader| {
        let event = reader.next().await?;
        let mut line = serde_json::to_vec(&event).expect("an event serializes");
        line.push(b'\n');
        Some((Ok::<_, Infallible>(line), reader))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

async fn cancel(State(runner): Shared, Path(uid): Path<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    runner.find(&headers, &uid, RUN)?;
    runner.cancel();
    Ok(StatusCode::ACCEPTED)
}

/// Where input belongs.
#[derive(Debug, Deserialize)]
struct At {
    /// How many bytes there were before it. What of it was taken before is passed over.
    at: Option<u64>,
    /// Whether it is the last.
    #[serde(default)]
    end: bool,
}

async fn stdin(
    State(runner): Shared,
    Path(uid): Path<String>,
    at: Result<Query<At>, QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let run = runner.find(&parts.headers, &uid, STDIN)?;
    let Query(At { at, end }) = at?;
    let body = read(body, INPUT_MAX).await?;
    let taken = run.stdin.send(&body, at, end)?;
    Ok(Json(json!({ "taken": taken })).into_response())
}

async fn acknowledge(
    State(runner): Shared,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let run = runner.find(&headers, &uid, RUN)?;
    if run.journal.result().is_none() {
        return Err(Refusal::StillRunning);
    }
    runner.acknowledged.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
