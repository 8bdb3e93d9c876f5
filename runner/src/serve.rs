//! The runner as PID 1 of a pod: HTTP for the operator, one run in its life.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use locus_core::token::{Demand, Scope, TokenVerifier};
use locus_core::{Assignment, Event, PodInfo, RunState};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::execute::{Cancel, Place, execute};
use crate::{processes, sandbox};

/// The most bytes of an assignment: a spec at its largest, with room for what JSON makes of it.
const ASSIGNMENT_BYTES: usize = 8 << 20;

/// The time that answers already under way have when the runner ends.
const FLUSH: Duration = Duration::from_millis(200);

/// Why the runner can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting is missing or wrong.
    #[error("{0}: the runner is started by the operator, which sets it")]
    Setting(String),
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

struct Runner {
    pod_uid: String,
    verifier: TokenVerifier,
    folder: PathBuf,
    linger: Duration,
    run: Mutex<Option<Arc<Run>>>,
    /// Set once, when the runner is to end.
    end: watch::Sender<bool>,
}

/// The one run of a runner's life.
struct Run {
    uid: String,
    cancel: Cancel,
    /// Every event so far, as NDJSON lines; readers are woken at each.
    lines: watch::Sender<Lines>,
}

#[derive(Default)]
struct Lines {
    lines: Vec<Bytes>,
    finished: Option<Box<locus_core::RunResult>>,
}

/// Serves until the run's result is acknowledged, nobody has asked for it in time, or the pod is told to end.
///
/// # Errors
/// When a setting is missing or the port can't be had.
pub fn serve() -> Result<(), ServeError> {
    processes::become_runner()?;
    let (end, ended) = watch::channel(false);
    let runner = Arc::new(Runner {
        pod_uid: setting("LOCUS_POD_UID")?,
        verifier: TokenVerifier::parse(&setting("LOCUS_PUBLIC_KEYS")?)
            .map_err(|error| ServeError::Setting(error.to_string()))?,
        folder: std::env::var_os("LOCUS_WORK_DIR").map_or_else(|| "/work".into(), PathBuf::from),
        linger: Duration::from_secs(number("LOCUS_LINGER_SECONDS", 3600)?),
        run: Mutex::default(),
        end,
    });
    let address = std::env::var("LOCUS_LISTEN").unwrap_or_else(|_| "[::]:7070".into());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(listen(runner, &address, ended))?;
    processes::kill_all();
    Ok(())
}

async fn listen(runner: Arc<Runner>, address: &str, mut ended: watch::Receiver<bool>) -> Result<(), ServeError> {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        // A kernel without IPv6.
        Err(_) if address == "[::]:7070" => TcpListener::bind("0.0.0.0:7070").await?,
        Err(error) => return Err(error.into()),
    };
    eprintln!("{}", json!({"message": "ready", "address": listener.local_addr()?.to_string()}));
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let server = axum::serve(listener, router(runner.clone()));
    tokio::select! {
        served = server.into_future() => served?,
        _ = terminate.recv() => {
            if let Some(run) = runner.current() {
                run.cancel.request();
                let mut lines = run.lines.subscribe();
                let _ = tokio::time::timeout(FLUSH, lines.wait_for(|lines| lines.finished.is_some())).await;
                tokio::time::sleep(FLUSH / 4).await;
            }
        }
        _ = ended.wait_for(|end| *end) => tokio::time::sleep(FLUSH / 4).await,
    }
    Ok(())
}

fn router(runner: Arc<Runner>) -> Router {
    Router::new()
        .route("/readyz", get(|| async { Json(sandbox::report()) }))
        .route("/v1/pod", get(pod))
        .route("/v1/runs/{uid}", put(start).get(state).delete(cancel))
        .route("/v1/runs/{uid}/events", get(events))
        .route("/v1/runs/{uid}/ack", post(acknowledge))
        .layer(DefaultBodyLimit::max(ASSIGNMENT_BYTES))
        .with_state(runner)
}

async fn pod(State(runner): State<Arc<Runner>>) -> Json<PodInfo> {
    Json(PodInfo { pod_uid: runner.pod_uid.clone(), run_uid: runner.current().map(|run| run.uid.clone()) })
}

/// Accepts a run. The first one is the only one; asking for it again tells how it stands.
async fn start(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    runner.authorize(&headers, &uid, &[Scope::Run], Some(&body))?;
    let assignment: Assignment =
        serde_json::from_slice(&body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    if assignment.uid != uid {
        return Err(Refusal::Malformed("the assignment is of another run than the path".into()));
    }
    let mut slot = runner.run.lock().unwrap_or_else(PoisonError::into_inner);
    match &*slot {
        Some(run) if run.uid == uid => Ok(Json(run.state()).into_response()),
        Some(_) => Err(Refusal::OtherRun),
        None => {
            let cancel = Cancel::new().map_err(|error| Refusal::Failed(error.to_string()))?;
            let run = Arc::new(Run { uid, cancel, lines: watch::Sender::default() });
            runner.begin(run.clone(), assignment).map_err(|error| Refusal::Failed(error.to_string()))?;
            *slot = Some(run.clone());
            Ok((StatusCode::CREATED, Json(run.state())).into_response())
        }
    }
}

async fn state(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<Json<RunState>, Refusal> {
    runner.authorize(&headers, &uid, &[Scope::Run, Scope::Read], None)?;
    Ok(Json(runner.find(&uid)?.state()))
}

async fn cancel(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    runner.authorize(&headers, &uid, &[Scope::Run], None)?;
    runner.find(&uid)?.cancel.request();
    Ok(StatusCode::ACCEPTED)
}

/// The run's events from the first one, then as they happen, to the last one.
async fn events(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    runner.authorize(&headers, &uid, &[Scope::Run, Scope::Read], None)?;
    let run = runner.find(&uid)?;
    let lines = run.lines.subscribe();
    let body = futures::stream::unfold((lines, 0, false), |(mut lines, sent, over)| async move {
        if over {
            return None;
        }
        let seen = lines.wait_for(|lines| lines.lines.len() > sent).await.ok()?;
        let new = Bytes::from(seen.lines[sent..].concat());
        let (sent, over) = (seen.lines.len(), seen.finished.is_some());
        drop(seen);
        Some((Ok::<_, io::Error>(new), (lines, sent, over)))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(body)).into_response())
}

async fn acknowledge(
    State(runner): State<Arc<Runner>>,
    Path(uid): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    runner.authorize(&headers, &uid, &[Scope::Run], None)?;
    if runner.find(&uid)?.state().result.is_none() {
        return Err(Refusal::StillRuns);
    }
    runner.end.send_replace(true);
    Ok(StatusCode::NO_CONTENT)
}

impl Runner {
    fn current(&self) -> Option<Arc<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, uid: &str) -> Result<Arc<Run>, Refusal> {
        match self.current() {
            Some(run) if run.uid == uid => Ok(run),
            Some(_) => Err(Refusal::OtherRun),
            None => Err(Refusal::Unknown),
        }
    }

    /// Starts the run in a thread of its own.
    fn begin(self: &Arc<Self>, run: Arc<Run>, assignment: Assignment) -> io::Result<()> {
        let runner = self.clone();
        std::thread::Builder::new().name("run".into()).spawn(move || {
            execute(&assignment, &runner.folder, Place::Pod, &run.cancel, &mut |event| run.tell(event));
            std::thread::sleep(runner.linger);
            runner.end.send_replace(true);
        })?;
        Ok(())
    }

    fn authorize(&self, headers: &HeaderMap, run: &str, scopes: &[Scope], body: Option<&[u8]>) -> Result<(), Refusal> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or_else(|| Refusal::Unauthorized("a bearer token is needed".into()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(u64::MAX, |age| age.as_secs());
        let demand = Demand { pod: &self.pod_uid, run, scopes, body, now };
        self.verifier.verify(token, demand).map(drop).map_err(|error| Refusal::Unauthorized(error.to_string()))
    }
}

impl Run {
    fn state(&self) -> RunState {
        RunState { uid: self.uid.clone(), result: self.lines.borrow().finished.as_deref().cloned() }
    }

    fn tell(&self, event: Event) {
        let Ok(mut line) = serde_json::to_vec(&event) else { return };
        line.push(b'\n');
        self.lines.send_modify(|lines| {
            lines.lines.push(line.into());
            if let Event::Finished { result } = event {
                lines.finished = Some(Box::new(result));
            }
        });
    }
}

/// Why a request was refused.
enum Refusal {
    Unauthorized(String),
    Malformed(String),
    Unknown,
    OtherRun,
    StillRuns,
    Failed(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Unauthorized(message) => (StatusCode::UNAUTHORIZED, message),
            Self::Malformed(message) => (StatusCode::BAD_REQUEST, message),
            Self::Unknown => (StatusCode::NOT_FOUND, "this runner has no run yet".into()),
            Self::OtherRun => (StatusCode::CONFLICT, "this runner has another run".into()),
            Self::StillRuns => (StatusCode::CONFLICT, "the run has not ended".into()),
            Self::Failed(message) => (StatusCode::INTERNAL_SERVER_ERROR, message),
        };
        (status, Json(json!({ "error": message }))).into_response()
    }
}

fn setting(name: &str) -> Result<String, ServeError> {
    std::env::var(name).map_err(|_| ServeError::Setting(format!("{name} is not set")))
}

fn number(name: &str, default: u64) -> Result<u64, ServeError> {
    match std::env::var(name) {
        Ok(text) => text.parse().map_err(|_| ServeError::Setting(format!("{name} is not a number"))),
        Err(_) => Ok(default),
    }
}
