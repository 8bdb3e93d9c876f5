//! `GET /connect`: a WebSocket that runs one program, tells what it writes, and hands it input.

use std::pin::pin;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream::{BoxStream, StreamExt as _};
use locus_core::{Event, Limits, Outcome, Run};
use serde_json::{Value, json};

use super::input::Held;
use super::job::Job;
use super::refusal::Refusal;
use super::runtimes::{self, Runtime};
use super::stage::{Stage, Stages, Written};
use super::{js, signals};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client, Order, Told, whole_characters};
use crate::body::BODY_BYTES_MAX;
use crate::metrics::RunTimer;
use crate::taking::{CancelOnDrop, take};

/// How long a client may take to say what is to be run.
const INIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The bytes of a message that are read at all: one that is too large is to be told so.
const MESSAGE_BYTES_READ: usize = 4 * BODY_BYTES_MAX;

/// Why a WebSocket is closed.
type Close = (u16, &'static str);
const TOO_LARGE: Close = (1009, "Max payload size exceeded");
const ALREADY_INITIALIZED: Close = (4000, "Already Initialized");
const INIT_TIMED_OUT: Close = (4001, "Initialization Timeout");
const NOTIFIED_ERROR: Close = (4002, "Notified Error");
const NOT_INITIALIZED: Close = (4003, "Not yet initialized");
const STDIN_ALONE: Close = (4004, "Can only write to stdin");
const INVALID_SIGNAL: Close = (4005, "Invalid signal");
const COMPLETED: Close = (4999, "Job Completed");

/// Why a WebSocket ends.
enum End {
    /// Its client is gone.
    Gone,
    /// It is closed.
    Closed(Close),
    /// Something is wrong, which is told first.
    Error(String),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Error(refusal.into_message())
    }
}

impl From<Problem> for End {
    fn from(problem: Problem) -> Self {
        Self::Error(problem.message)
    }
}

impl From<BackendError> for End {
    fn from(error: BackendError) -> Self {
        Self::Error(error.to_string())
    }
}

impl From<axum::Error> for End {
    fn from(_: axum::Error) -> Self {
        Self::Gone
    }
}

/// Opens the WebSocket. Whoever asks for none finds nothing here.
///
/// # Errors
/// This is no WebSocket.
pub async fn connect(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| Problem::new(StatusCode::NOT_FOUND, "NotFound", "Not Found"))?;
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES_READ).max_frame_size(MESSAGE_BYTES_READ);
    Ok(upgrade.on_upgrade(|socket| serve(socket, app, client)))
}

async fn serve(mut socket: WebSocket, app: App, client: Client) {
    let end = match session(&mut socket, &app, client).await {
        Ok(()) => End::Closed(COMPLETED),
        Err(end) => end,
    };
    let (code, reason) = match end {
        End::Gone => return,
        End::Closed(close) => close,
        End::Error(message) => {
            let _ = send(&mut socket, json!({ "type": "error", "message": message })).await;
            NOTIFIED_ERROR
        }
    };
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}

async fn session(socket: &mut WebSocket, app: &App, client: Client) -> Result<(), End> {
    let init = tokio::time::timeout(INIT_TIMEOUT, init(socket)).await.map_err(|_| End::Closed(INIT_TIMED_OUT))??;
    let Job { runtime, mut request } = Job::read(&init, runtimes::all(app).await, true)?;
    // Nothing is held of what is told at once.
    request.limits.output_bytes = Some(Limits::MAXIMUM.output_bytes);
    let timer = app.metrics.run(&request.language);
    let order = Order { request, client: client.clone(), once: None, keep_seconds: 0, note: None };
    let (taken, _running) = match take(app, order).await {
        Ok(taken) => taken,
        Err(problem) => {
            timer.ended(problem.reason);
            return Err(problem.into());
        }
    };
    let id = taken.run.id;
    let guard = CancelOnDrop::new(app, &client, &id);
    let told = app.backend.watch(&client, &id).await?;
    let session = Session {
        socket,
        app,
        client: &client,
        id: &id,
        runtime,
        halves: Default::default(),
        stage: None,
        signal: None,
    };
    session.follow(told, timer).await?;
    guard.disarm();
    Ok(())
}

/// The message that says what is to be run.
async fn init(socket: &mut WebSocket) -> Result<Value, End> {
    loop {
        let Some(message) = message(socket.recv().await)? else { continue };
        match kind(&message) {
            "init" => return Ok(message),
            "data" | "signal" => return Err(End::Closed(NOT_INITIALIZED)),
            _ => {}
        }
    }
}

/// A message as JSON; none where it says nothing.
fn message(received: Option<Result<Message, axum::Error>>) -> Result<Option<Value>, End> {
    let text = match received {
        Some(Ok(Message::Text(text))) => text.to_string(),
        Some(Ok(Message::Binary(bytes))) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
    };
    if text.len() > BODY_BYTES_MAX {
        return Err(End::Closed(TOO_LARGE));
    }
    match serde_json::from_str(&text) {
        Ok(Value::Null) => Err(End::Error("Cannot read property 'type' of null".to_owned())),
        Ok(message) => Ok(Some(message)),
        Err(error) => Err(End::Error(js::syntax_error(&text, &error))),
    }
}

fn kind(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or_default()
}

async fn send(socket: &mut WebSocket, message: Value) -> Result<(), axum::Error> {
    socket.send(Message::Text(message.to_string().into())).await
}

/// A run that goes on, and who it is told to.
struct Session<'a> {
    socket: &'a mut WebSocket,
    app: &'a App,
    client: &'a Client,
    id: &'a str,
    runtime: Runtime,
    /// The first bytes of a character of each stream whose rest has not come yet.
    halves: [Vec<u8>; 2],
    /// The step that was told to have begun.
    stage: Option<&'static str>,
    /// The signal that the client has sent.
    signal: Option<&'static str>,
}

impl Session<'_> {
    /// Tells what happens, and does what the client asks, until the run is over. Input that the program does not read yet
    /// is held, and the client is listened to meanwhile: it may send a signal, or go.
    async fn follow(mut self, mut told: BoxStream<'static, Told>, timer: RunTimer) -> Result<(), End> {
        let held = Held::default();
        let mut handing = pin!(held.hand_over(self.app.backend.as_ref(), self.client, self.id));
        loop {
            tokio::select! {
                told = told.next() => match told {
                    Some(Told::Ended(run)) => {
                        timer.ended(run.outcome.map_or("None", Outcome::as_str));
                        return self.end(*run).await;
                    }
                    Some(told) => self.tell(told).await?,
                    None => return Err(End::Error("the run can't be followed any longer".to_owned())),
                },
                received = self.socket.recv(), if held.has_room() => {
                    if let Some(message) = message(received)? {
                        self.asked(&message, &held).await?;
                    }
                }
                error = &mut handing => return Err(error.into()),
            }
        }
    }

    /// Does what a client asks for.
    async fn asked(&mut self, message: &Value, held: &Held) -> Result<(), End> {
        match kind(message) {
            "init" => Err(End::Closed(ALREADY_INITIALIZED)),
            "data" if message.get("stream").and_then(Value::as_str) != Some("stdin") => Err(End::Closed(STDIN_ALONE)),
            "data" => {
                let what = "The \"chunk\" argument must be of type string or an instance of Buffer or Uint8Array";
                let data = message.get("data").and_then(Value::as_str).ok_or_else(|| End::Error(what.to_owned()))?;
                held.push(data.as_bytes());
                Ok(())
            }
            "signal" => {
                let signal = message.get("signal").and_then(Value::as_str).and_then(signals::ending);
                self.signal = Some(signal.ok_or(End::Closed(INVALID_SIGNAL))?);
                Ok(self.app.backend.cancel(self.client, self.id).await.map(drop)?)
            }
            _ => Ok(()),
        }
    }

    async fn tell(&mut self, told: Told) -> Result<(), End> {
        match told {
            Told::State(run) if run.started_at.is_some() => self.begin().await,
            Told::Event(Event::Stdout { data }) => self.output(0, "stdout", data).await,
            Told::Event(Event::Stderr { data }) => self.output(1, "stderr", data).await,
            Told::State(_) | Told::Event(_) | Told::Ended(_) => Ok(()),
        }
    }

    /// Tells once that it has begun.
    async fn begin(&mut self) -> Result<(), End> {
        if self.stage.is_some() {
            return Ok(());
        }
        let Runtime { language, version, info, .. } = &self.runtime;
        let runtime = json!({ "type": "runtime", "language": language, "version": version.to_string() });
        let first = if info.compiles { "compile" } else { "run" };
        send(self.socket, runtime).await?;
        self.stage(first).await
    }

    async fn stage(&mut self, stage: &'static str) -> Result<(), End> {
        self.stage = Some(stage);
        Ok(send(self.socket, json!({ "type": "stage", "stage": stage })).await?)
    }

    /// Tells of output of the program, which has been compiled by then.
    async fn output(&mut self, at: usize, stream: &'static str, data: Vec<u8>) -> Result<(), End> {
        self.begin().await?;
        if self.stage == Some("compile") {
            self.exit(&Stage { code: Some(0), ..Stage::default() }).await?;
            self.stage("run").await?;
        }
        self.halves[at].extend(data);
        let whole = whole_characters(&self.halves[at]);
        let rest = self.halves[at].split_off(whole);
        let text = std::mem::replace(&mut self.halves[at], rest);
        self.data(stream, &String::from_utf8_lossy(&text)).await
    }

    async fn data(&mut self, stream: &'static str, text: &str) -> Result<(), End> {
        if text.is_empty() {
            return Ok(());
        }
        Ok(send(self.socket, json!({ "type": "data", "stream": stream, "data": text })).await?)
    }

    async fn exit(&mut self, Stage { code, signal, .. }: &Stage) -> Result<(), End> {
        let exit = json!({ "type": "exit", "stage": self.stage, "code": code, "signal": signal });
        Ok(send(self.socket, exit).await?)
    }

    /// Tells the rest of a run that has ended.
    async fn end(mut self, run: Run) -> Result<(), End> {
        if run.outcome.is_some_and(|outcome| outcome.is_platform_failure() || run.started_at.is_none())
            && self.signal.is_none()
        {
            return Err(End::Error(run.error));
        }
        self.begin().await?;
        let signal = self.signal.filter(|_| run.outcome == Some(Outcome::Cancelled));
        let Stages { compile, run } = Stages::of(run, Written::default());
        let ended = |stage: Stage| Stage { signal: signal.map(str::to_owned).or(stage.signal), ..stage };
        // Told already, if the program has written something.
        if let (Some(stage), Some("compile")) = (compile, self.stage) {
            self.data("stdout", &stage.stdout).await?;
            self.data("stderr", &stage.stderr).await?;
            let stage = if run.is_none() { ended(stage) } else { stage };
            self.exit(&stage).await?;
            if run.is_some() {
                self.stage("run").await?;
            }
        }
        let Some(run) = run else { return Ok(()) };
        for (at, stream) in ["stdout", "stderr"].into_iter().enumerate() {
            let half = std::mem::take(&mut self.halves[at]);
            self.data(stream, &String::from_utf8_lossy(&half)).await?;
        }
        self.exit(&ended(run)).await
    }
}
