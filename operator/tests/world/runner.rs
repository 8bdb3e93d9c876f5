//! Runners: what `locus-runner` says over HTTP, with programs that only say what they would do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use locus_core::token::{Demand, Scope, TokenVerifier};
use locus_core::{Assignment, CaseEnd, CaseInput, Event, Outcome, PodInfo, RunResult, RunState};

use super::World;
use super::program::{Program, SECRET};
use super::shared::Shared;

/// The runner of one pod.
pub struct Runner {
    pub pod_uid: String,
    verifier: TokenVerifier,
    world: Arc<World>,
    state: Shared<Life>,
}

/// How far a runner is.
#[derive(Default)]
pub struct Life {
    run: Option<Accepted>,
    /// It takes no run any more.
    retired: bool,
    /// Its process has ended by itself.
    pub left: bool,
    /// Its process was killed, or its node is gone.
    pub dead: bool,
}

struct Accepted {
    uid: String,
    events: Vec<Event>,
    finished: bool,
    stopped: bool,
}

fn cancelled() -> RunResult {
    RunResult::failed(Outcome::Cancelled, "the run was cancelled")
}

type Refused = (StatusCode, Json<serde_json::Value>);

fn refuse(code: StatusCode, why: &str) -> Refused {
    (code, Json(serde_json::json!({ "error": why })))
}

impl Runner {
    pub fn new(world: Arc<World>, pod_uid: &str, public_keys: &str) -> Arc<Self> {
        let verifier = TokenVerifier::parse(public_keys).expect("the pod was given keys");
        Arc::new(Self { pod_uid: pod_uid.into(), verifier, world, state: Shared::default() })
    }

    /// Tells the runner to end: it stops its run, tells the result to those who listen, and leaves.
    pub fn terminate(&self) {
        self.state.change(|life| {
            life.retired = true;
            match &mut life.run {
                Some(run) => run.stopped = true,
                None => life.left = true,
            }
        });
    }

    /// Ends it with no time for anything.
    pub fn kill(&self) {
        self.state.change(|life| life.dead = true);
    }

    pub fn is_up(&self) -> bool {
        self.state.read(|life| !life.left && !life.dead)
    }

    /// Waits until the runner has left by itself.
    pub async fn left(&self) {
        self.until(|life| life.left).await;
    }

    /// Waits until nobody answers any more.
    pub async fn down(&self) {
        self.until(|life| life.dead || life.left).await;
    }

    async fn until(&self, is_so: impl Fn(&Life) -> bool) {
        self.state.until(is_so).await;
    }

    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/pod", get(pod).delete(retire))
            .route("/v1/runs/{uid}", get(state).put(start).delete(cancel))
            .route("/v1/runs/{uid}/events", get(events))
            .route("/v1/runs/{uid}/ack", post(acknowledge))
            .with_state(self)
    }

    fn authorize(&self, headers: &HeaderMap, run: &str, body: Option<&[u8]>) -> Result<(), Refused> {
        let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "no token"))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        let demand = Demand { pod: &self.pod_uid, run, scopes: &[Scope::Run], body, now };
        let verified = self.verifier.verify(token, demand);
        verified.map(drop).map_err(|error| refuse(StatusCode::UNAUTHORIZED, &error.to_string()))
    }

    /// What the runner says of its run.
    fn with_run<T>(&self, uid: &str, read: impl FnOnce(&mut Accepted) -> T) -> Result<T, Refused> {
        let mut answer = Err(refuse(StatusCode::NOT_FOUND, "this pod has no such run"));
        self.state.change(|life| {
            if let Some(run) = life.run.as_mut().filter(|run| run.uid == uid) {
                answer = Ok(read(run));
            }
        });
        answer
    }

    /// Accepts the first run, knows it again, and refuses every other one.
    fn accept(self: &Arc<Self>, assignment: &Assignment) -> Result<StatusCode, Refused> {
        let mut answer = Err(refuse(StatusCode::CONFLICT, "this pod has accepted another run"));
        self.state.change(|life| match &life.run {
            Some(run) if run.uid == assignment.uid => answer = Ok(StatusCode::OK),
            None if !life.retired => {
                life.run = Some(Accepted {
                    uid: assignment.uid.clone(),
                    events: vec![Event::Started],
                    finished: false,
                    stopped: false,
                });
                answer = Ok(StatusCode::CREATED);
            }
            _ => {}
        });
        if matches!(answer, Ok(StatusCode::CREATED)) {
            self.world.started(&assignment.uid, &self.pod_uid);
            tokio::spawn(self.clone().execute(assignment.clone()));
        }
        answer
    }

    async fn execute(self: Arc<Self>, assignment: Assignment) {
        let code = assignment.files.first().map(|file| file.content.clone()).unwrap_or_default();
        let program = Program::parse(&code);
        let limit = Duration::from(assignment.limits.timeout_seconds);
        let result = if assignment.cases.is_empty() {
            self.run(&program, limit).await
        } else {
            self.run_cases(&program, &assignment.cases).await
        };
        // A runner that was killed tells nothing.
        let Some(result) = result else { return };
        self.tell(Event::Finished { result });
        let lingers = Duration::from_secs(self.world.config.retention.linger_seconds.into());
        tokio::select! {
            biased;
            () = tokio::time::sleep(lingers) => {}
            () = self.until(|life| life.retired) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        self.state.change(|life| life.left = true);
    }

    async fn run(&self, program: &Program, limit: Duration) -> Option<RunResult> {
        let (first, second) = program.output();
        self.tell(Event::Stdout { data: first.into() });
        if !self.passes(program.time.min(limit)).await? {
            return Some(cancelled());
        }
        let result = program.result(limit);
        if program.time <= limit {
            self.tell(Event::Stdout { data: second.into() });
        }
        Some(result)
    }

    /// Runs a program that prints what it reads.
    async fn run_cases(&self, program: &Program, cases: &[CaseInput]) -> Option<RunResult> {
        for (index, case) in cases.iter().enumerate() {
            self.tell(Event::CaseStarted { index });
            let (first, second) = case.stdin.split_at(case.stdin.len() / 2);
            self.tell(Event::Stdout { data: first.into() });
            if !self.passes(program.time / 3).await? {
                return Some(cancelled());
            }
            self.tell(Event::Stdout { data: second.into() });
            let RunResult { outcome, error, exit_code, signal, usage, .. } = program.result(Duration::MAX);
            self.tell(Event::CaseEnded { end: CaseEnd { outcome, error, exit_code, signal, usage } });
        }
        Some(RunResult::failed(Outcome::Completed, ""))
    }

    /// Whether the time passes before the run is told to stop; none when the runner is killed.
    async fn passes(&self, time: Duration) -> Option<bool> {
        tokio::select! {
            biased;
            () = tokio::time::sleep(time) => Some(true),
            () = self.until(|life| life.run.as_ref().is_some_and(|run| run.stopped)) => Some(false),
            () = self.until(|life| life.dead) => None,
        }
    }

    fn tell(&self, event: Event) {
        self.state.change(|life| {
            if let Some(run) = &mut life.run {
                run.finished |= matches!(event, Event::Finished { .. });
                run.events.push(event);
            }
        });
    }

    /// The next event of the run after the first `count`; none at the end.
    async fn event(&self, count: usize) -> Option<Event> {
        let is_told = |life: &Life| life.run.as_ref().is_some_and(|run| run.events.len() > count || run.finished);
        self.until(|life| is_told(life) || life.dead).await;
        self.state.read(|life| life.run.as_ref()?.events.get(count).cloned())
    }
}

type Asked = State<Arc<Runner>>;

async fn pod(State(runner): Asked) -> Json<PodInfo> {
    let (run_uid, retired) = runner.state.read(|life| (life.run.as_ref().map(|run| run.uid.clone()), life.retired));
    Json(PodInfo { pod_uid: runner.pod_uid.clone(), run_uid, prestarted: false, retired })
}

/// A runner with no run takes none from now on and leaves.
async fn retire(State(runner): Asked, headers: HeaderMap) -> Result<StatusCode, Refused> {
    runner.authorize(&headers, "", None)?;
    if runner.state.read(|life| life.run.is_some()) {
        return Err(refuse(StatusCode::CONFLICT, "this pod has accepted a run"));
    }
    runner.terminate();
    Ok(StatusCode::ACCEPTED)
}

async fn start(
    State(runner): Asked,
    Path(uid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<RunState>), Refused> {
    runner.authorize(&headers, &uid, Some(&body))?;
    let assignment: Assignment = serde_json::from_slice(&body).expect("an assignment");
    if String::from_utf8_lossy(&body).contains(SECRET) {
        runner.world.violated(format!("the runner of {uid} is told what its program is to print"));
    }
    assert_eq!(assignment.uid, uid, "the assignment is for the run of the path");
    let status = runner.accept(&assignment)?;
    Ok((status, Json(RunState { uid, result: None })))
}

async fn state(State(runner): Asked, Path(uid): Path<String>, headers: HeaderMap) -> Result<Json<RunState>, Refused> {
    runner.authorize(&headers, &uid, None)?;
    let last = runner.with_run(&uid, |run| run.events.last().cloned())?;
    let result = if let Some(Event::Finished { result }) = last { Some(result) } else { None };
    Ok(Json(RunState { uid, result }))
}

async fn events(State(runner): Asked, Path(uid): Path<String>, headers: HeaderMap) -> Result<Response, Refused> {
    runner.authorize(&headers, &uid, None)?;
    runner.with_run(&uid, |_| ())?;
    let lines = futures::stream::unfold((runner, 0), async |(runner, count)| {
        let event = runner.event(count).await?;
        let line = serde_json::to_string(&event).expect("an event serializes") + "\n";
        Some((Ok::<_, std::io::Error>(line), (runner, count + 1)))
    });
    Ok(Body::from_stream(lines).into_response())
}

async fn cancel(State(runner): Asked, Path(uid): Path<String>, headers: HeaderMap) -> Result<StatusCode, Refused> {
    runner.authorize(&headers, &uid, None)?;
    runner.with_run(&uid, |run| run.stopped = true)?;
    Ok(StatusCode::ACCEPTED)
}

async fn acknowledge(State(runner): Asked, Path(uid): Path<String>, headers: HeaderMap) -> Result<StatusCode, Refused> {
    runner.authorize(&headers, &uid, None)?;
    if !runner.with_run(&uid, |run| run.finished)? {
        return Err(refuse(StatusCode::CONFLICT, "the run has not ended yet"));
    }
    runner.state.change(|life| life.retired = true);
    Ok(StatusCode::NO_CONTENT)
}

/// All runners, by the addresses of their pods.
#[derive(Default)]
pub struct Runners(Mutex<HashMap<String, Arc<Runner>>>);

impl Runners {
    pub fn add(&self, ip: &str, runner: Arc<Runner>) {
        self.0.lock().expect("not poisoned").insert(ip.into(), runner);
    }

    /// Whether the runner there has taken a run.
    pub fn has_run(&self, ip: &str) -> bool {
        let runners = self.0.lock().expect("not poisoned");
        runners.get(ip).is_some_and(|runner| runner.state.read(|life| life.run.is_some()))
    }

    pub fn at(&self, ip: &str) -> Option<Arc<Runner>> {
        self.0.lock().expect("not poisoned").get(ip).filter(|runner| runner.is_up()).cloned()
    }
}
