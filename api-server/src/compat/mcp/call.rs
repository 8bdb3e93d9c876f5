//! Calls of the tools.

use std::time::Duration;

use futures::StreamExt as _;
use locus_core::{Event, LimitsRequest, Outcome, Phase, Run, RunRequest, SourceFile};
use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam, ProgressToken};
use rmcp::service::RequestContext;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::result;
use super::tools::{LanguageKnown, Languages, RunCode};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client, Once, Order, Taken, Told};
use crate::body;
use crate::compat::beside;
use crate::taking::{end, take};

/// How often a client is told of what a program writes: each line by itself would be a message.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// The most bytes of output that one message tells: the newest.
const PROGRESS_BYTES_MAX: usize = 1024;

/// The most bytes of each stream: no model reads more, and an answer has no room for it.
const OUTPUT_BYTES_MAX: u64 = 128 << 10;

/// Runs a program and tells how it ended. What the caller did wrong is told as the tool's answer, for the model to read.
pub async fn run_code(app: &App, arguments: Value, context: RequestContext<RoleServer>) -> CallToolResult {
    match ran(app, arguments, &context).await {
        Ok(run) => result::of(run),
        Err(problem) if problem.reason == BackendError::KeyReused.reason() => {
            refused("another request of this session had the same id: send this one with a new id")
        }
        Err(problem) => refused(&problem.message),
    }
}

/// Tells the languages.
pub async fn list_languages(app: &App) -> CallToolResult {
    app.backend.surveyed().await;
    let languages: Vec<_> = app
        .backend
        .languages()
        .into_iter()
        .map(|language| LanguageKnown {
            // The id alone is what most people write.
            selector: if language.default { language.id } else { language.selector },
            name: language.name,
            version: language.version,
            aliases: language.aliases,
            libraries: language.libraries,
        })
        .collect();
    let line = |language: &LanguageKnown| {
        let aliases =
            if language.aliases.is_empty() { String::new() } else { format!(", or {}", language.aliases.join(", ")) };
        let libraries = if language.libraries.is_empty() {
            String::new()
        } else {
            format!("; with {}", language.libraries.join(", "))
        };
        format!("{}{aliases}: {} {}{libraries}", language.selector, language.name, language.version)
    };
    let text = languages.iter().map(line).collect::<Vec<_>>().join("\n");
    result::with(vec![ContentBlock::text(text)], &Languages { languages })
}

fn refused(message: &str) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(message)])
}

async fn ran(app: &App, arguments: Value, context: &RequestContext<RoleServer>) -> Result<Run, Problem> {
    let invalid = |message| Problem::from(BackendError::InvalidRequest(message));
    let arguments: RunCode = serde_path_to_error::deserialize(&arguments).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        invalid(format!("the arguments can't be understood: {place}{}", error.into_inner()))
    })?;
    let request = request(app, arguments).await;
    body::check(&request)?;
    let (client, once) = asker(context);
    let timer = app.metrics.run(&request.language);
    let order = Order { request, client, once, keep_seconds: 0, note: None };
    let ended = tokio::select! {
        ended = run(app, order, context) => ended,
        // The run is stopped by its guard.
        () = context.ct.cancelled() => Err(invalid("the request was cancelled".into())),
    };
    match &ended {
        Ok(run) => timer.ended(run.outcome.map_or("None", Outcome::as_str)),
        Err(problem) => timer.ended(problem.reason),
    }
    ended
}

/// Who asks, and what makes the run theirs to stop by another request.
fn asker(context: &RequestContext<RoleServer>) -> (Client, Option<Once>) {
    let Some(parts) = context.extensions.get::<axum::http::request::Parts>() else { return (None, None) };
    (parts.extensions.get::<Client>().cloned().flatten(), parts.extensions.get::<Once>().cloned())
}

async fn request(app: &App, arguments: RunCode) -> RunRequest {
    let RunCode { language, code, stdin, files, args, timeout_seconds, output_files } = arguments;
    let files = files
        .into_iter()
        .map(|file| SourceFile { name: file.name, content: file.content, encoding: file.encoding })
        .collect();
    let request = RunRequest {
        stdin,
        args,
        limits: LimitsRequest { timeout_seconds, output_bytes: Some(OUTPUT_BYTES_MAX), ..LimitsRequest::default() },
        output_files,
        ..RunRequest::default()
    };
    beside::request(app, request, language, code, files).await
}

async fn run(app: &App, order: Order, context: &RequestContext<RoleServer>) -> Result<Run, Problem> {
    let client = order.client.clone();
    let (Taken { run, .. }, _running) = take(app, order).await?;
    let id = run.id;
    let ended = end(app, &client, &id, false);
    match context.meta.get_progress_token() {
        None => ended.await,
        Some(token) => {
            let mut progress = Progress { context, token, told: 0, output: Vec::new() };
            tokio::select! {
                ended = ended => ended,
                never = progress.tell(app, &client, &id) => match never {},
            }
        }
    }
}

/// What a client hears of a run while it waits.
struct Progress<'a> {
    context: &'a RequestContext<RoleServer>,
    token: ProgressToken,
    told: u32,
    output: Vec<u8>,
}

impl Progress<'_> {
    /// Tells of the run as long as somebody lets it.
    async fn tell(&mut self, app: &App, client: &Client, id: &str) -> std::convert::Infallible {
        let mut ticks = tokio::time::interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if let Ok(mut told) = app.backend.watch(client, id).await {
            loop {
                tokio::select! {
                    told = told.next() => match told {
                        Some(Told::State(run)) => match run.phase {
                            Phase::Pending => self.notify("waiting for its turn".into()).await,
                            Phase::Running => self.notify("running".into()).await,
                            Phase::Succeeded | Phase::Failed => {}
                        },
                        Some(Told::Event(Event::Stdout { data } | Event::Stderr { data })) => self.hear(&data),
                        Some(Told::Event(_)) => {}
                        Some(Told::Ended(_)) | None => break,
                    },
                    _ = ticks.tick(), if !self.output.is_empty() => {
                        let output = std::mem::take(&mut self.output);
                        self.notify(String::from_utf8_lossy(&output).into_owned()).await;
                    }
                }
            }
        }
        std::future::pending().await
    }

    fn hear(&mut self, data: &[u8]) {
        self.output.extend_from_slice(data);
        let old = self.output.len().saturating_sub(PROGRESS_BYTES_MAX);
        self.output.drain(..old);
    }

    async fn notify(&mut self, message: String) {
        self.told += 1;
        let progress = ProgressNotificationParam::new(self.token.clone(), self.told.into()).with_message(message);
        // A client that is gone hears nothing, and its run is stopped.
        let _ = self.context.peer.notify_progress(progress).await;
    }
}
