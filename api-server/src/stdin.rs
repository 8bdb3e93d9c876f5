//! `/api/v1/runs/{id}/stdin`: standard input for a run that goes on, piece by piece or over a WebSocket.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client, Input};
use crate::body;
use crate::openapi::{InputRefusals, SocketRefusals};
use crate::query::{Parameters, Path};

/// The most bytes of one piece.
const PIECE_BYTES_MAX: usize = 64 << 10;
/// How often it is seen whether client and run are still there.
const TICK: Duration = Duration::from_secs(5);
/// How often a program that does not read is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Where a piece of input belongs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StdinQuery {
    /// How many bytes were sent before: what was taken already is not taken again.
    #[serde(default)]
    pub at: Option<u64>,
    /// Whether nothing follows.
    #[serde(default)]
    pub end: bool,
}

/// How much input a run has taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InputTaken {
    /// The bytes since its beginning, without those of the request.
    pub taken: u64,
}

/// Gives a run the bytes of the body as standard input.
///
/// # Errors
/// There is no such run, or it takes none.
#[utoipa::path(
    post, path = "/{id}/stdin", tag = "runs", operation_id = "sendInput",
    params(("id" = String, Path, description = "The id of the run."), StdinQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "At most 64 KiB."),
    responses((status = 200, description = "How much was taken by now.", body = InputTaken), InputRefusals),
)]
pub async fn send(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
    Parameters(query): Parameters<StdinQuery>,
    body: Body,
) -> Result<Json<InputTaken>, Problem> {
    let data = body::bytes(body, PIECE_BYTES_MAX).await?.to_vec();
    let taken = app.backend.stdin(&client, &id, Input { data, at: query.at, end: query.end }).await?;
    Ok(Json(InputTaken { taken }))
}

/// Gives a run each message as standard input; an empty one ends it.
///
/// # Errors
/// There is no such run, or this is no WebSocket.
#[utoipa::path(
    get, path = "/{id}/stdin", tag = "runs", operation_id = "connectInput",
    params(("id" = String, Path, description = "The id of the run.")),
    responses((status = 101, description = "A WebSocket, each message of which is input."), SocketRefusals),
)]
pub async fn connect(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| {
        let message = format!("send input with POST, or connect with a WebSocket: {error}");
        Problem::new(StatusCode::UPGRADE_REQUIRED, "UpgradeRequired", message)
    })?;
    // Nothing is sent, but a run that takes no input says so.
    look(&app, &client, &id).await?;
    Ok(upgrade.max_message_size(PIECE_BYTES_MAX).on_upgrade(|socket| pass(socket, app, client, id)))
}

/// Hands over each message, until the client or the run is gone. What a program does not read yet is held, one message of
/// it, and the client's further ones wait as well.
async fn pass(mut socket: WebSocket, app: App, client: Client, id: String) {
    let mut ticks = tokio::time::interval_at(Instant::now() + TICK, TICK);
    let mut held: Option<Input> = None;
    let error = loop {
        let is_full = held.is_some();
        tokio::select! {
            message = socket.recv(), if !is_full => {
                let data: Bytes = match message {
                    Some(Ok(Message::Text(text))) => text.into(),
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                held = Some(Input { data: data.to_vec(), at: None, end: data.is_empty() });
            }
            () = tokio::time::sleep(FULL_PAUSE), if is_full => {}
            // A client that is gone does not answer, and sending to it fails then; a run that is over takes nothing.
            _ = ticks.tick() => {
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
                if let Err(error) = look(&app, &client, &id).await {
                    break error;
                }
            }
        }
        if let Some(input) = held.take() {
            match app.backend.stdin(&client, &id, input.clone()).await {
                Ok(_) => {}
                Err(BackendError::InputFull { .. }) => held = Some(input),
                Err(error) => break error,
            }
        }
    };
    let text = json!({ "reason": error.reason(), "message": error.to_string() }).to_string();
    let _ = socket.send(Message::Text(text.into())).await;
    let _ = socket.send(Message::Close(None)).await;
}

/// Whether a run takes input. One that is waiting for its turn may.
async fn look(app: &App, client: &Client, id: &str) -> Result<(), BackendError> {
    let run = app.backend.get(client, id).await?;
    if run.is_over() { Err(BackendError::NoInput("the run is over".to_owned())) } else { Ok(()) }
}
