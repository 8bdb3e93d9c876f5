//! The code interpreter API of LibreChat, on our runs.
//!
//! What it calls a session is a run, and the files of a session are those that the run has left. An upload is a run as
//! well, of a program that does nothing: its files outlive this process, and any server finds them.

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

mod answer;
mod exec;
mod files;
mod id;
mod session;
mod upload;

/// What all paths begin with: the base URL that LibreChat is told ends with it.
pub const PATH: &str = "/librechat";
/// The label that tells runs of this API from others.
const LABEL: &str = "librechat";
/// Its value for programs; other values are those of uploads.
const EXEC: &str = "exec";

pub use answer::told;

/// Whether a path is one of the API, also where there is nothing at it.
#[must_use]
pub fn owns(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The routes.
pub fn routes() -> Router<App> {
    let routes = Router::new()
        .route("/exec", post(exec::run))
        .route("/upload", post(upload::one))
        .route("/upload/batch", post(upload::batch))
        .route("/files/{session}", get(files::list))
        .route("/download/{session}/{file}", get(files::download))
        .route("/sessions/{session}/objects/{file}", get(files::object));
    Router::new().nest(PATH, routes)
}
