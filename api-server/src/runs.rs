//! `/api/v1/runs`: runs that go on by themselves, and whoever asks for them.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use locus_core::request::is_label;
use locus_core::token::body_digest;
use locus_core::{Encoding, InvalidRequest, Phase, Run, RunRequest, view};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Problem;
use crate::app::App;
use crate::backend::{Client, Once, Order, Page, Query, Taken};
use crate::body;
use crate::fields::cut;
use crate::openapi::{CreateRefusals, ListRefusals, RunRefusals};
use crate::query::{Parameters, Path, WaitQuery};
use crate::sending;
use crate::taking::{CancelOnDrop, KEEP_SECONDS, start};

/// The path of runs.
pub const PATH: &str = "/api/v1/runs";
/// What makes a request the same as one before.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The most bytes of an `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 255;
/// The most runs of a page, and how many it has where nobody says.
const PAGE_MAX: usize = 100;
const PAGE: usize = 50;
/// What a file that a program has left may do in a browser: be looked at.
const FILE_POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";

/// Takes a run, and waits for its end as long as it is asked to.
///
/// # Errors
/// Why there is no run.
#[utoipa::path(
    post, path = "/", tag = "runs", operation_id = "createRun",
    params(
        WaitQuery,
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$",
            description = "A name for this request: when it comes again, it is the same run and not another one. A run \
                           whose request has none is cancelled when its client goes away while it waits."),
    ),
    request_body(content = RunRequest, examples(
        ("code" = (summary = "A program of one file", value = json!({"language": "python", "code": "print(6 * 7)"}))),
        ("tests" = (summary = "A program that is judged", value = json!({
            "language": "python", "code": "print(int(input()) ** 2)", "limits": {"timeoutSeconds": 5},
            "tests": [
                {"name": "small", "stdin": "3\n", "expectedStdout": "9\n"},
                {"stdin": "0.5\n", "expectedStdout": "0.25", "checker": "float", "tolerance": 0.001},
            ],
        }))),
        ("files" = (summary = "Files in and out, found by a label", value = json!({
            "language": "python", "labels": {"team": "a"}, "outputFiles": ["*.txt"],
            "files": [
                {"name": "main.py", "content": "open('out.txt', 'w').write(open('in.txt').read())"},
                {"name": "in.txt", "content": "aGVsbG8K", "encoding": "base64"},
            ],
        }))),
    )),
    responses(
        (status = 200, description = "The run, which is over.", body = Run,
            headers(("Location" = String, description = "The path of the run."))),
        (status = 202, description = "The run, which goes on.", body = Run,
            headers(("Location" = String, description = "The path of the run."))),
        CreateRefusals,
    ),
)]
pub async fn create(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Parameters(query): Parameters<WaitQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (request, bytes) = body::read(body).await?;
    let once = once(&headers, &client, &bytes)?;
    let may_come_back = once.is_some();
    let order = Order { request, client: client.clone(), once, keep_seconds: KEEP_SECONDS, note: None };
    let Taken { run, is_new } = start(&app, order).await?;
    let id = run.id.clone();
    // A client that has named its request asks again when it has lost the answer.
    let guard = (!may_come_back).then(|| CancelOnDrop::new(&app, &client, &id));
    let run = match waited(&app, &client, &id, query.wait).await? {
        Some(run) => run,
        None if is_new && query.wait.is_none() => run,
        None => app.backend.get(&client, &id).await?,
    };
    guard.into_iter().for_each(CancelOnDrop::disarm);
    Ok(([(header::LOCATION, format!("{PATH}/{id}"))], told(run)).into_response())
}

/// A run as it is now, or at its end if that comes while it is waited for.
///
/// # Errors
/// There is no such run.
#[utoipa::path(
    get, path = "/{id}", tag = "runs", operation_id = "getRun",
    params(("id" = String, Path, description = "The id of the run."), WaitQuery),
    responses((status = 200, description = "The run as it is now, or at its end.", body = Run), RunRefusals),
)]
pub async fn get(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
    Parameters(query): Parameters<WaitQuery>,
) -> Result<Response, Problem> {
    match waited(&app, &client, &id, query.wait).await? {
        Some(run) => Ok(sending::run(run)),
        None => Ok(sending::run(app.backend.get(&client, &id).await?)),
    }
}

/// The client's runs, the newest first.
///
/// # Errors
/// The query makes no sense.
#[utoipa::path(
    get, path = "/", tag = "runs", operation_id = "listRuns", params(ListQuery),
    responses((status = 200, description = "A part of the list.", body = RunList), ListRefusals),
)]
pub async fn list(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<RunList>, Problem> {
    let Page { items, next } = app.backend.list(&client, &query.read()?).await?;
    Ok(Json(RunList { runs: items, next }))
}

/// Asks a run to stop. One that is over stays as it is.
///
/// # Errors
/// There is no such run.
#[utoipa::path(
    delete, path = "/{id}", tag = "runs", operation_id = "cancelRun",
    params(("id" = String, Path, description = "The id of the run.")),
    responses(
        (status = 200, description = "The run, which was over.", body = Run),
        (status = 202, description = "The run, which will stop.", body = Run),
        RunRefusals,
    ),
)]
pub async fn cancel(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(told(app.backend.cancel(&client, &id).await?))
}

/// A file that the program has left.
///
/// # Errors
/// There is no such run or file.
#[utoipa::path(
    get, path = "/{id}/files/{*name}", tag = "runs", operation_id = "getFile",
    params(
        ("id" = String, Path, description = "The id of the run."),
        ("name" = String, Path, description = "The name of the file below the work folder, slashes and all."),
    ),
    responses(
        (status = 200, description = "The file's bytes, of the media type that its name tells.", content_type = "*/*",
            body = Vec<u8>),
        RunRefusals,
    ),
)]
pub async fn file(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let run = app.backend.get(&client, &id).await?;
    let missing = || {
        let why = run.files_left.iter().find(|left| left.name == name).map_or("it was not asked for", |left| &left.why);
        let why = if run.is_over() { why } else { "the run is not over" };
        Problem::new(StatusCode::NOT_FOUND, "NotFound", format!("the run has no file {name:?}: {why}"))
    };
    let file = run.files.iter().find(|file| file.name == name).ok_or_else(missing)?;
    let bytes = match file.encoding {
        Encoding::Utf8 => file.content.clone().into_bytes(),
        Encoding::Base64 => view::bytes(None, Some(&file.content)).unwrap_or_default(),
    };
    let is_text = file.media_type.starts_with("text/");
    let kind = if is_text { format!("{}; charset=utf-8", file.media_type) } else { file.media_type.clone() };
    let place = if is_text || file.media_type.starts_with("image/") { "inline" } else { "attachment" };
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, place.to_owned())];
    Ok((headers, [(header::CONTENT_SECURITY_POLICY, FILE_POLICY)], bytes).into_response())
}

/// Which runs to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The most of them, from 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// Labels that each has, as `name=value`; may be given several times.
    #[param(example = json!(["team=a"]))]
    #[serde(default)]
    pub label: Vec<String>,
    /// The phase that each is in.
    #[serde(default, deserialize_with = "phase")]
    pub phase: Option<Phase>,
}

/// A part of the list of a client's runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunList {
    /// Summaries: what programs wrote is left out.
    pub runs: Vec<Run>,
    /// What `after` is to be for the next part, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl ListQuery {
    fn read(self) -> Result<Query, Problem> {
        let invalid = |message| Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", message);
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(invalid(format!("limit={limit} must be from 1 to {PAGE_MAX}")));
        }
        let label = |text: String| match text.split_once('=') {
            Some((name, value)) if is_label(name, false) && is_label(value, true) => {
                Ok((name.to_owned(), value.to_owned()))
            }
            Some(_) => Err(invalid(InvalidRequest::Label(cut(&text)).to_string())),
            None => Err(invalid(format!("label={} must be a name and a value, such as label=team=a", cut(&text)))),
        };
        let labels = self.label.into_iter().map(label).collect::<Result<_, _>>()?;
        Ok(Query { labels, phase: self.phase, limit, after: self.after })
    }
}

/// A phase by its name, in whatever case.
fn phase<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phase>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let phase = text.parse().map_err(|error| D::Error::custom(format!("phase={text} is no phase: {error}")))?;
    Ok(Some(phase))
}

/// A run in an answer: 202 as long as it goes on.
fn told(run: Run) -> Response {
    let status = if run.is_over() { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, sending::run(run)).into_response()
}

/// The end of a run, if it comes in time.
async fn waited(app: &App, client: &Client, id: &str, wait: Option<Duration>) -> Result<Option<Run>, Problem> {
    let Some(wait) = wait else { return Ok(None) };
    match tokio::time::timeout(wait, app.backend.wait(client, id)).await {
        Ok(run) => Ok(Some(run?)),
        Err(_) => Ok(None),
    }
}

/// What an `Idempotency-Key` makes of a request.
fn once(headers: &HeaderMap, client: &Client, body: &Bytes) -> Result<Option<Once>, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.as_bytes();
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
        let message = format!("an Idempotency-Key is 1 to {KEY_BYTES_MAX} visible ASCII characters");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "InvalidIdempotencyKey", message));
    }
    // No name of a client can run into the key, and nobody in particular has none.
    let whose = client.as_ref().map_or_else(|| "-".to_owned(), |name| format!("{}:{name}", name.len()));
    let id = body_digest(&[whose.as_bytes(), b"\n", key].concat());
    Ok(Some(Once { id: format!("run-{}", &id[..32]), digest: body_digest(body) }))
}
