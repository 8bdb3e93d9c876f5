//! What tools ask: the languages, health, readiness and metrics.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use tower_http::request_id::RequestId;

use crate::answer::status;
use crate::app::App;

/// `GET /api/v1/languages`: all of them, also when it is asked right after the start.
pub async fn languages(State(app): State<App>) -> impl IntoResponse {
    app.backend.surveyed().await;
    Json(json!({ "languages": app.backend.languages() }))
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> impl IntoResponse {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: whether a run would be taken now, and what would stand around it.
pub async fn readyz(State(app): State<App>, Extension(id): Extension<RequestId>) -> Response {
    let problem = if app.is_draining() {
        Some((StatusCode::SERVICE_UNAVAILABLE, "Draining", "the server is shutting down".to_owned()))
    } else {
        app.backend.ready().err().map(|error| (status(&error), error.reason(), error.to_string()))
    };
    let mut body = json!({ "ready": problem.is_none(), "backend": app.backend.name() });
    if let Some(report) = app.backend.sandbox() {
        body["sandbox"] = json!(report);
    }
    let Some((status, reason, message)) = problem else {
        return Json(body).into_response();
    };
    body["reason"] = json!(reason);
    body["message"] = json!(message);
    body["requestId"] = json!(id.header_value().to_str().unwrap_or_default());
    (status, Json(body)).into_response()
}

/// `GET /metrics`.
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.text())
}
