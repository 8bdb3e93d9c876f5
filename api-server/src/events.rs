//! `GET /api/v1/runs/{id}/events`: what happens to a run, as Server-Sent Events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{NO_STORE, Problem};
use crate::app::App;
use crate::backend::Client;
use crate::openapi::{ServerSentEvent, WatchRefusals};
use crate::query::{Parameters, Path};
use crate::stream::{Data, Position, Teller};

/// The id of the last event that came.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that collect an answer before they pass it on are told not to.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");
/// How often something is sent when nothing happens, so that nobody in between takes the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client that comes back waits to hear whether it has missed anything.
const REST_PATIENCE: Duration = Duration::from_millis(500);

/// From where to tell.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The id of the last event that came, for clients that can't send the header `Last-Event-ID`.
    #[serde(default)]
    pub last_event_id: Option<String>,
}

/// Tells of a run from its beginning or from the event behind the last one that came, to its end.
///
/// # Errors
/// There is no such run, or no such event.
#[utoipa::path(
    get, path = "/{id}/events", tag = "runs", operation_id = "watchRun",
    params(
        ("id" = String, Path, description = "The id of the run."),
        EventsQuery,
        ("Last-Event-ID" = Option<String>, Header, pattern = "^([0-9]+-[0-9]+-[0-9]+)?$", example = "2-14-0",
            description = "The id of the last event that came: what lies behind it is told."),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", body = ServerSentEvent,
            description = "Server-Sent Events, the data of each one JSON object: `state` (a summary of the run), `stdout` \
                           and `stderr` ({\"text\"} or {\"base64\"}), `caseStarted`, `caseEnded`, `file`, and `finished` \
                           (the run without its output), behind which nothing follows.",
            example = "event: stdout\nid: 0-3-0\ndata: {\"text\":\"42\\n\"}\n\n"),
        (status = 204, description = "All of it was told already."),
        WatchRefusals,
    ),
)]
pub async fn events(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
    Parameters(query): Parameters<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let from = position(&headers, query)?;
    let told = app.backend.watch(&client, &id).await?;
    let events = told
        .scan(Teller::from(from), |teller, told| std::future::ready(Some(stream::iter(teller.tell(told)))))
        .flatten()
        .boxed();
    let mut events = events.peekable();
    // A browser that has heard of the end would come back for ever; this is how it is told not to.
    let rest = tokio::time::timeout(REST_PATIENCE, std::pin::Pin::new(&mut events).peek());
    if from.marks > 0 && matches!(rest.await, Ok(None)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(([(header::CACHE_CONTROL, NO_STORE), (X_ACCEL_BUFFERING, NO)], sse(events)).into_response())
}

fn sse(events: impl Stream<Item = (Position, Data)> + Send + 'static) -> impl IntoResponse {
    let events = events.filter_map(|(position, data)| {
        // It holds nothing that JSON can't.
        let event = Event::default().id(position.to_string()).event(data.name()).json_data(data);
        std::future::ready(event.ok().map(Ok::<_, Infallible>))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}

fn position(headers: &HeaderMap, query: EventsQuery) -> Result<Position, Problem> {
    let sent = match headers.get(LAST_EVENT_ID) {
        // A browser sends none before the first event, and some clients an empty one.
        Some(value) => Some(value.to_str().unwrap_or("?").to_owned()).filter(|text| !text.is_empty()),
        None => query.last_event_id,
    };
    let Some(text) = sent else { return Ok(Position::default()) };
    text.parse().map_err(|error: crate::stream::NoPosition| {
        Problem::new(StatusCode::BAD_REQUEST, "InvalidPosition", format!("{text:?} is {error}"))
    })
}
