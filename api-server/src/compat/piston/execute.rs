//! `POST /execute`: runs a program and answers with what came of it.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures::stream::{BoxStream, StreamExt as _};
use locus_core::{Event, Outcome, Run, RunRequest};

use super::job::Job;
use super::refusal::Refusal;
use super::stage::{Executed, Written};
use super::{body, json, runtimes};
use crate::app::App;
use crate::backend::{Client, Order, Told};
use crate::taking::{CancelOnDrop, PATIENCE, no_result, take};

/// Runs a program and waits for it. Nothing is kept of it behind the answer.
///
/// # Errors
/// Why there is no result.
pub async fn execute(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body::read(&headers, body).await?;
    let Job { runtime, request } = Job::read(&body, runtimes::all(&app).await, false)?;
    let timer = app.metrics.run(&request.language);
    let ended = match run(&app, client, request).await {
        Ok((run, written)) => {
            timer.ended(run.outcome.map_or("None", Outcome::as_str));
            Executed::of(run, written, &runtime)
        }
        Err(refusal) => {
            timer.ended(refusal.reason());
            Err(refusal)
        }
    };
    Ok(json(StatusCode::OK, &ended?))
}

/// The end of a run, and what it wrote in the order in which it did.
async fn run(app: &App, client: Client, request: RunRequest) -> Result<(Run, Written), Refusal> {
    let order = Order { request, client: client.clone(), once: None, keep_seconds: 0, note: None };
    let (taken, _running) = take(app, order).await?;
    let id = taken.run.id;
    let guard = CancelOnDrop::new(app, &client, &id);
    let told = app.backend.watch(&client, &id).await.map_err(crate::answer::Problem::from)?;
    let both = futures::future::join(app.backend.wait(&client, &id), heard(told));
    // Given up, it is dropped, and the guard stops the run.
    let (run, written) = tokio::time::timeout(PATIENCE, both).await.map_err(|_| no_result(PATIENCE))?;
    let run = run.map_err(crate::answer::Problem::from)?;
    guard.disarm();
    Ok((run, written))
}

/// Listens to a run until it has ended, or what tells of it breaks off.
async fn heard(mut told: BoxStream<'static, Told>) -> Written {
    let mut written = Written::default();
    while let Some(told) = told.next().await {
        match told {
            Told::Event(Event::Stdout { data }) => written.stdout(&data),
            Told::Event(Event::Stderr { data }) => written.stderr(&data),
            Told::Event(_) | Told::State(_) => {}
            Told::Ended(_) => break,
        }
    }
    written
}
