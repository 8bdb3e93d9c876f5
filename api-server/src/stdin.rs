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
use utoipa::{IntoParams, ToSchema};

use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client, Input};
use crate::body;
use crate::openapi::{InputRefusals, SocketRefusals};
use crate::query::{Parameters, Path};

/// The most bytes of one piece.
const PIECE_BYTES_MAX: usize = 64 << 10;
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
    app.backend.get(&client, &id).await?;
    Ok(upgrade.max_message_size(PIECE_BYTES_MAX).on_upgrade(|socket| pass(socket, app, client, id)))
}

async fn pass(mut socket: WebSocket, app: App, client: Client, id: String) {
    while let Some(Ok(message)) = socket.recv().await {
        let data: Bytes = match message {
            Message::Text(text) => text.into(),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        let input = Input { data: data.to_vec(), at: None, end: data.is_empty() };
        if let Err(error) = put(&app, &client, &id, input).await {
            let text = json!({ "reason": error.reason(), "message": error.to_string() }).to_string();
            let _ = socket.send(Message::Text(text.into())).await;
            break;
        }
    }
    let _ = socket.send(Message::Close(None)).await;
}

/// Waits where the program does not read, so that the client's messages wait as well.
async fn put(app: &App, client: &Client, id: &str, input: Input) -> Result<(), BackendError> {
    loop {
        match app.backend.stdin(client, id, input.clone()).await {
            Err(BackendError::InputFull { .. }) => tokio::time::sleep(FULL_PAUSE).await,
            answer => return answer.map(drop),
        }
    }
}
