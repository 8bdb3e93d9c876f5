//! `/submissions`: taken, told and listed.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use locus_core::Run;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Ordered, Refusal, json, with_texts};
use super::fields::Fields;
use super::params::Params;
use super::submission::{self, Errors};
use super::told::{NoText, Told};
use super::{access, casts, config, languages, run};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::{Asked, BackendError, Client, LanguageInfo, Order, Query};
use crate::body;
use crate::sending::Texts;
use crate::taking::{end, start};

const NO_TEXT: &str =
    "some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter";
const NO_TEXT_AMONG: &str = "some attributes for one or more submissions cannot be converted to UTF-8, use \
                             base64_encoded=true query parameter";
/// The runs that are looked through at one time for a list.
const SUMMARIES: usize = 100;
/// The bytes of the texts of a list. A submission that is alone in it may have more.
const LIST_BYTES_MAX: usize = 32 << 20;
const TOO_LARGE: &str = "these submissions are too large for one answer: ask for fewer of them, or for fewer fields";

/// How submissions are told: what of them, and in which form.
struct Form {
    fields: Fields,
    is_base64: bool,
    known: Vec<LanguageInfo>,
}

impl Form {
    fn of(app: &App, params: &Params) -> Result<Self, Refusal> {
        let fields = params.fields()?;
        Ok(Self { fields, is_base64: params.is_on("base64_encoded"), known: app.backend.languages() })
    }

    /// A submission in it.
    fn told(&self, run: &Run, asked: &Asked) -> Option<Result<Ordered, NoText>> {
        Some(Told::of(run, asked)?.parts(&self.fields, self.is_base64, &self.known))
    }
}

/// `POST /submissions`.
///
/// # Errors
/// Why there is no submission.
pub async fn create(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let params = read(&parts, body).await?;
    let form = Form::of(&app, &params)?;
    let order = order(&app, &client, &params, &form).await.map_err(Refusal::Errors)?;
    let asked = Asked { request: order.request.clone(), note: order.note.clone() };
    let run = begin(&app, order).await?;
    let token = run::token(&run.id).to_owned();
    if !params.is_on("wait") {
        return Ok(json(StatusCode::CREATED, &json!({ "token": token })));
    }
    let run = end(&app, &client, &run.id, !asked.request.tests.is_empty()).await?;
    let told = match form.told(&run, &asked) {
        Some(Ok(parts)) => parts,
        _ => Ordered(vec![("error", NO_TEXT.into()), ("token", token.into())]),
    };
    Ok(alone(StatusCode::CREATED, told))
}

/// The run that a submission asks for.
async fn order(app: &App, client: &Client, params: &Params, form: &Form) -> Result<Order, Errors> {
    let known = with_language(app, params, &form.known).await;
    let submission = submission::read(params, form.is_base64, &known)?;
    if let (Some(url), Some(callbacks)) = (&submission.callback_url, &app.callbacks) {
        callbacks.check(url).map_err(|error| Errors::of("callback_url", error.to_string()))?;
    }
    run::order(submission, client.clone())
}

/// Takes the run.
async fn begin(app: &App, order: Order) -> Result<Run, Refusal> {
    match start(app, order).await {
        Ok(taken) => Ok(taken.run),
        Err(Problem { status: StatusCode::BAD_REQUEST, message, .. }) => {
            Err(Refusal::Said(StatusCode::UNPROCESSABLE_ENTITY, message))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The languages: all of them, where that of a submission is not among those that are known by now.
async fn with_language<'a>(app: &App, params: &Params, known: &'a [LanguageInfo]) -> Cow<'a, [LanguageInfo]> {
    let id = params.get("language_id").and_then(casts::integer);
    if id.is_none_or(|id| languages::find(known, id).is_some()) {
        return Cow::Borrowed(known);
    }
    app.backend.surveyed().await;
    Cow::Owned(app.backend.languages())
}

/// `GET /submissions/{token}`.
///
/// # Errors
/// There is none, or it is no text.
pub async fn show(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    token: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let form = Form::of(&app, &Params::of(&parts))?;
    let missing = || Refusal::by_framework(StatusCode::NOT_FOUND, &parts.headers);
    // What is no text is no token either.
    let Path(token) = token.map_err(|_| missing())?;
    let (run, asked) = found(&app, &client, &token).await?.ok_or_else(missing)?;
    let told = form.told(&run, &asked).ok_or_else(missing)?;
    Ok(alone(StatusCode::OK, told.map_err(|NoText| Refusal::bad(NO_TEXT))?))
}

/// The answer that tells of one submission.
fn alone(status: StatusCode, mut told: Ordered) -> Response {
    let mut texts = Texts::default();
    told.put(&mut texts);
    with_texts(status, texts, &told)
}

/// The run of a token with what it was asked for; none where there is no such run.
async fn found(app: &App, client: &Client, token: &str) -> Result<Option<(Run, Asked)>, Problem> {
    let Some(id) = run::id(token) else { return Ok(None) };
    let (run, asked) = futures::join!(app.backend.get(client, &id), app.backend.asked(client, &id));
    match run.and_then(|run| Ok((run, asked?))) {
        Ok(found) => Ok(Some(found)),
        Err(BackendError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /submissions/{token}`: for who is authorised, and not even for them.
///
/// # Errors
/// Always.
pub async fn destroy(State(app): State<App>, Extension(client): Extension<Client>, request: Request) -> Refusal {
    let (parts, _) = request.into_parts();
    let params = Params::of(&parts);
    let authorized = access::authorized(&app, &client, &parts.headers, &params);
    authorized.and_then(|()| params.fields()).map_or_else(|refusal| refusal, |_| Refusal::bad("delete not allowed"))
}

/// `GET /submissions`: a page of the client's own, the newest first, for who is authorised.
///
/// # Errors
/// Nobody is, or there is no such page.
pub async fn index(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let params = Params::of(&parts);
    access::authorized(&app, &client, &parts.headers, &params)?;
    let form = Form::of(&app, &params)?;
    let number = |name, default| params.get(name).map_or(default, |value| casts::integer(value).unwrap_or_default());
    let (page, per_page) = (number("page", 1), number("per_page", config::PAGE));
    for (name, value) in [("page", page), ("per_page", per_page)] {
        if value < 1 {
            return Err(Refusal::bad(format!("invalid {name}: {value}")));
        }
    }
    let all = summaries(&app, &client).await?;
    let size = usize::try_from(per_page).unwrap_or(usize::MAX).min(config::PAGE_MAX);
    let begin = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(size);
    let tokens = all.iter().skip(begin).take(size).map(|run| run::token(&run.id));
    let listed = listed(&app, &client, tokens, &form).await?;
    let pages = i64::try_from(all.len().div_ceil(size)).unwrap_or(i64::MAX).max(1);
    let meta = Ordered(vec![
        ("current_page", page.into()),
        ("next_page", (page < pages).then(|| page + 1).into()),
        ("prev_page", (page > 1).then_some(page - 1).into()),
        ("total_pages", pages.into()),
        ("total_count", all.len().into()),
    ]);
    // One that has left meanwhile is in no list.
    let submissions = listed.into_iter().flatten().map(Some).collect();
    Ok(Listed { submissions, meta: Some(meta) }.answer())
}

/// Several submissions, perhaps as a page of all of them.
#[derive(Debug, Serialize)]
struct Listed {
    submissions: Vec<Option<Ordered>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Ordered>,
}

impl Listed {
    fn answer(mut self) -> Response {
        let mut texts = Texts::default();
        self.submissions.iter_mut().flatten().for_each(|told| told.put(&mut texts));
        with_texts(StatusCode::OK, texts, &self)
    }
}

/// Summaries of all of a client's submissions, the newest first.
pub async fn summaries(app: &App, client: &Client) -> Result<Vec<Run>, Problem> {
    let labels = vec![(run::LABEL.0.to_owned(), run::LABEL.1.to_owned())];
    let mut query = Query { labels, limit: SUMMARIES, ..Query::default() };
    let mut all = Vec::new();
    loop {
        let page = app.backend.list(client, &query).await?;
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(all),
        }
    }
}

/// The submissions of tokens, each where there is one. They are read one after another, each of them once, and no further
/// than to what one answer may hold.
async fn listed<'a>(
    app: &App,
    client: &Client,
    tokens: impl Iterator<Item = &'a str>,
    form: &Form,
) -> Result<Vec<Option<Ordered>>, Refusal> {
    let (mut listed, mut places, mut total) = (Vec::<Option<Ordered>>::new(), HashMap::new(), 0);
    for token in tokens {
        let place = *places.entry(token).or_insert(listed.len());
        let is_new = place == listed.len();
        if is_new {
            let found = found(app, client, token).await?;
            let told = found.and_then(|(run, asked)| form.told(&run, &asked)).transpose();
            listed.push(told.map_err(|NoText| Refusal::bad(NO_TEXT_AMONG))?);
        }
        let before = total;
        total += listed[place].as_ref().map_or(0, Ordered::weight);
        if before > 0 && total > LIST_BYTES_MAX {
            return Err(Refusal::bad(TOO_LARGE));
        }
        if !is_new {
            listed.push(listed[place].clone());
        }
    }
    Ok(listed)
}

/// `POST /submissions/batch`.
///
/// # Errors
/// There is no batch, or no room for all of it.
pub async fn create_batch(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let params = read(&parts, body).await?;
    let batch = params.get("submissions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    check_size(batch.len())?;
    let (fields, is_base64) = (Fields::default(), params.is_on("base64_encoded"));
    let form = Form { fields, is_base64, known: app.backend.languages() };
    let mut orders = Vec::new();
    for part in batch {
        orders.push(order(&app, &client, &Params::of_part(part), &form).await);
    }
    check_room(&app, &client, orders.iter().flatten().count())?;
    let (mut ids, mut answers) = (Vec::new(), Vec::new());
    for order in orders {
        let begun = match order {
            Ok(order) => begin(&app, order).await,
            Err(errors) => Err(Refusal::Errors(errors)),
        };
        answers.push(match begun {
            Ok(run) => {
                let token = run::token(&run.id).to_owned();
                ids.push(run.id);
                Part::Taken { token }
            }
            Err(Refusal::Errors(errors)) => Part::Wrong(errors),
            Err(Refusal::Said(_, error)) => Part::Refused { error },
            // There is room for all of them or for none.
            Err(refusal) => {
                cancel(&app, &client, &ids).await;
                return Err(refusal);
            }
        });
    }
    let status = if ids.is_empty() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::CREATED };
    Ok(json(status, &answers))
}

/// Whether a client may have so many runs more at one time, so that none is begun where it may not.
fn check_room(app: &App, client: &Client, count: usize) -> Result<(), Problem> {
    let room: Result<Vec<_>, _> = (0..count).map(|_| app.clients.run(client)).collect();
    Ok(room.map(drop)?)
}

/// What is answered to one submission of a batch.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part {
    Taken { token: String },
    Wrong(Errors),
    Refused { error: String },
}

async fn cancel(app: &App, client: &Client, ids: &[String]) {
    for id in ids {
        if let Err(error) = app.backend.cancel(client, id).await {
            tracing::warn!(run.id = id, error = error.reason(), "a run of a refused batch could not be cancelled");
        }
    }
}

/// `GET /submissions/batch`.
///
/// # Errors
/// There is no batch, or it is no text.
pub async fn show_batch(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let params = Params::of(&parts);
    let form = Form::of(&app, &params)?;
    let header = parts.headers.get("tokens").and_then(|value| value.to_str().ok());
    let tokens = header.or_else(|| params.text("tokens")).unwrap_or_default().trim().trim_end_matches(',');
    let tokens: Vec<&str> = if tokens.is_empty() { Vec::new() } else { tokens.split(',').collect() };
    check_size(tokens.len())?;
    let submissions = listed(&app, &client, tokens.into_iter(), &form).await?;
    Ok(Listed { submissions, meta: None }.answer())
}

fn check_size(count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::bad("there should be at least one submission in a batch")),
        count if count > config::BATCH_MAX => Err(Refusal::bad(format!(
            "number of submissions in a batch should be less than or equal to {}",
            config::BATCH_MAX
        ))),
        _ => Ok(()),
    }
}

/// The parameters of a request with a body.
async fn read(parts: &Parts, body: Body) -> Result<Params, Refusal> {
    let bytes = body::bytes(body, body::BODY_BYTES_MAX).await.map_err(Problem::from)?;
    Params::of_body(parts, &bytes)
}
