//! What all APIs share: taking a run, waiting for its end, counting it, and stopping one that nobody waits for any more.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use locus_core::{Outcome, Run};
use tokio::runtime::Handle;

use crate::answer::Problem;
use crate::app::App;
use crate::backend::{Backend, BackendError, Client, NOTE_BYTES_MAX, Order, Taken};
use crate::keys::Running;
use crate::metrics::RunTimer;

/// How long a client is kept waiting: both steps of a run at their largest limits, and ten minutes for its turn.
pub const PATIENCE: Duration = Duration::from_secs(2 * 300 + 600);
/// The same where there are tests, which take an hour at the most.
const PATIENCE_WITH_TESTS: Duration = Duration::from_secs(3600 + 300 + 600);
/// How many seconds a run is kept for after its end where clients may ask for it again.
pub const KEEP_SECONDS: u32 = 3600;
/// When to come back, perhaps to another server, after this one was told to stop.
const RETRY_AFTER_SECONDS: u32 = 5;

/// Takes a run, unless the server is told to stop. The client may have as many as its key says; this one is among them
/// until what comes with it is dropped.
///
/// # Errors
/// What the client is told in place of a run.
pub async fn take(app: &App, order: Order) -> Result<(Taken, Option<Running>), Problem> {
    if app.is_draining() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Draining", "the server is shutting down");
        return Err(problem.with(header::RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    if order.note.as_ref().is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
        return Err(BackendError::InvalidRequest(format!("a run has a note of at most {NOTE_BYTES_MAX} bytes")).into());
    }
    if let (Some(url), Some(callbacks)) = (&order.request.callback, &app.callbacks) {
        callbacks.check(url).map_err(|error| BackendError::InvalidRequest(error.to_string()))?;
    }
    let running = match (app.clients.run(&order.client), &order.once) {
        // One that was taken before is not one more.
        (Err(_), Some(once)) if app.backend.get(&order.client, &once.id).await.is_ok() => None,
        (running, _) => running?,
    };
    let taken = app.backend.create(order).await?;
    Ok((taken, running))
}

/// Takes a run that goes on by itself, and counts it at its end, whoever waits for it.
///
/// # Errors
/// What the client is told in place of a run.
pub async fn start(app: &App, order: Order) -> Result<Taken, Problem> {
    let (client, timer) = (order.client.clone(), app.metrics.run(&order.request.language));
    let (taken, running) = match take(app, order).await {
        Ok(taken) => taken,
        Err(problem) => {
            timer.ended(problem.reason);
            return Err(problem);
        }
    };
    if taken.is_new {
        tokio::spawn(count(app.clone(), client, taken.run.id.clone(), timer, running));
    } else {
        timer.forget();
    }
    Ok(taken)
}

async fn count(app: App, client: Client, id: String, timer: RunTimer, _running: Option<Running>) {
    match app.backend.ended(&client, &id).await {
        Ok(run) => timer.ended(run.outcome.map_or("None", Outcome::as_str)),
        Err(error) => timer.ended(error.reason()),
    }
}

/// Takes a run and waits for its end, and counts it.
///
/// # Errors
/// What the client is told in place of a run.
pub async fn run(app: &App, order: Order) -> Result<Run, Problem> {
    let timer = app.metrics.run(&order.request.language);
    let ended = taken_to_its_end(app, order).await;
    match &ended {
        Ok(run) => timer.ended(run.outcome.map_or("None", Outcome::as_str)),
        Err(problem) => timer.ended(problem.reason),
    }
    ended
}

async fn taken_to_its_end(app: &App, order: Order) -> Result<Run, Problem> {
    let (client, has_tests) = (order.client.clone(), !order.request.tests.is_empty());
    let (taken, _running) = take(app, order).await?;
    end(app, &client, &taken.run.id, has_tests).await
}

/// The end of a run whose client waits for it in a request; it stops when the client goes away.
///
/// # Errors
/// There is no end, or none in time.
pub async fn end(app: &App, client: &Client, id: &str, has_tests: bool) -> Result<Run, Problem> {
    let guard = CancelOnDrop::new(app, client, id);
    let patience = if has_tests { PATIENCE_WITH_TESTS } else { PATIENCE };
    // Given up, it is dropped, and the guard stops the run.
    let waited = tokio::time::timeout(patience, app.backend.wait(client, id)).await;
    let run = waited.map_err(|_| no_result(patience))??;
    guard.disarm();
    Ok(run)
}

/// What a client is told whose run has not ended for so long.
#[must_use]
pub fn no_result(patience: Duration) -> Problem {
    let message = format!("the run has no result after {} s and was given up", patience.as_secs());
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "NoResult", message)
}

/// Asks a run to stop when its client goes away, which drops the answer that is being made.
pub struct CancelOnDrop {
    run: Option<(Arc<dyn Backend>, Client, String)>,
}

impl CancelOnDrop {
    /// Watches over a run.
    #[must_use]
    pub fn new(app: &App, client: &Client, id: &str) -> Self {
        Self { run: Some((app.backend.clone(), client.clone(), id.to_owned())) }
    }

    /// The run may go on from here.
    pub fn disarm(mut self) {
        self.run = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (Some((backend, client, id)), Ok(runtime)) = (self.run.take(), Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = backend.cancel(&client, &id).await {
                tracing::warn!(
                    run.id = id,
                    error = error.reason(),
                    "a run that nobody waits for could not be cancelled"
                );
            }
        });
    }
}
