//! What tools ask: the languages, health, readiness and metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use locus_runner::sandbox::SandboxReport;
use serde::Serialize;
use tower_http::request_id::RequestId;
use utoipa::ToSchema;

use crate::answer::status;
use crate::app::App;
use crate::backend::LanguageInfo;
use crate::openapi::{AnyRefusals, OpenRefusals};

/// Where it is asked how the server is, which is answered however many others ask for anything else.
pub const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The languages that a request may name.
#[derive(Debug, Serialize, ToSchema)]
pub struct LanguageList {
    /// Each version of each language.
    pub languages: Vec<LanguageInfo>,
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
}

/// Whether a run would be taken now, and what would stand around it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// Whether it would.
    pub ready: bool,
    /// Where programs run: `embedded` or `cluster`.
    pub backend: &'static str,
    /// The layers around a program, where they are this server's to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub sandbox: Option<SandboxReport>,
    /// What stands in the way, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What stands in the way, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the request is found by in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// All languages, also when they are asked for right after the start.
#[utoipa::path(
    get, path = "/api/v1/languages", tag = "server", operation_id = "listLanguages",
    responses((status = 200, description = "All of them.", body = LanguageList), AnyRefusals),
)]
pub async fn languages(State(app): State<App>) -> Json<LanguageList> {
    app.backend.surveyed().await;
    Json(LanguageList { languages: app.backend.languages() })
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "server", operation_id = "health",
    responses((status = 200, description = "It does.", body = Health), OpenRefusals),
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether a run would be taken now, and what would stand around it.
#[utoipa::path(
    get, path = "/readyz", tag = "server", operation_id = "readiness",
    responses(
        (status = 200, description = "It would.", body = Readiness),
        (status = 503, description = "It would not: `Draining`, `Unavailable`.", body = Readiness),
        OpenRefusals,
    ),
)]
pub async fn readyz(State(app): State<App>, Extension(id): Extension<RequestId>) -> impl IntoResponse {
    let problem = if app.is_draining() {
        Some((StatusCode::SERVICE_UNAVAILABLE, "Draining", "the server is shutting down".to_owned()))
    } else {
        app.backend.ready().err().map(|error| (status(&error), error.reason(), error.to_string()))
    };
    let id = problem.as_ref().map(|_| id.header_value().to_str().unwrap_or_default().to_owned());
    let (status, reason, message) = match problem {
        None => (StatusCode::OK, None, None),
        Some((status, reason, message)) => (status, Some(reason), Some(message)),
    };
    let (backend, sandbox) = (app.backend.name(), app.backend.sandbox().cloned());
    (status, Json(Readiness { ready: reason.is_none(), backend, sandbox, reason, message, request_id: id }))
}

/// What the server counts, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses(
        (status = 200, description = "The metrics.", content_type = "application/openmetrics-text", body = String),
        OpenRefusals,
    ),
)]
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], app.metrics.text())
}
