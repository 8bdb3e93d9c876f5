//! `/metrics`, `/healthz` and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::Metrics;

/// The operator's own HTTP routes; `ready` is set once its caches are filled.
pub fn router(metrics: Arc<Metrics>, ready: Arc<AtomicBool>) -> Router {
    let metrics = move || async move {
        ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.text())
    };
    let readiness = move || async move {
        if ready.load(Ordering::Relaxed) {
            (StatusCode::OK, "ready\n").into_response()
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the operator has not seen all languages, CodeRuns and pods yet\n")
                .into_response()
        }
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness))
}
