//! `/packages`: each language is one, and all of them are installed.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::runtimes::{Runtime, all, satisfies};
use super::{body, js, json};
use crate::app::App;

#[derive(Debug, Serialize)]
struct Package {
    language: String,
    language_version: String,
    installed: bool,
}

impl From<Runtime> for Package {
    fn from(runtime: Runtime) -> Self {
        let language_version = runtime.version.to_string();
        Self { language: runtime.language, language_version, installed: true }
    }
}

/// Lists the packages.
pub async fn list(State(app): State<App>) -> Response {
    let packages: Vec<_> = all(&app).await.into_iter().map(Package::from).collect();
    json(StatusCode::OK, &packages)
}

/// Installs nothing: whoever runs the server says which languages it has.
pub async fn install(State(app): State<App>, headers: HeaderMap, body: Body) -> Refusal {
    match named(&app, &headers, body).await {
        Ok(_) => Refusal::Unchanged("Already installed".to_owned()),
        Err(refusal) => refusal,
    }
}

/// Removes nothing.
pub async fn uninstall(State(app): State<App>, headers: HeaderMap, body: Body) -> Refusal {
    match named(&app, &headers, body).await {
        Ok(Runtime { language, version, .. }) => {
            Refusal::Unchanged(format!("{language}-{version} is part of this server and can't be removed"))
        }
        Err(refusal) => refusal,
    }
}

/// The package that a request names. Its aliases are none of it.
async fn named(app: &App, headers: &HeaderMap, body: Body) -> Result<Runtime, Refusal> {
    let body = body::read(headers, body).await?;
    let given = |name| body.get(name).map_or_else(|| "undefined".to_owned(), js::text);
    let (language, range) = (given("language"), body.get("version").and_then(Value::as_str));
    let matches = |runtime: &Runtime| {
        runtime.language == language && range.is_some_and(|range| satisfies(&runtime.version, range))
    };
    let missing = || {
        let version = given("version");
        Refusal::NoPackage(format!("Requested package {language}-{version} does not exist"))
    };
    all(app).await.into_iter().filter(matches).max_by(|a, b| a.version.cmp(&b.version)).ok_or_else(missing)
}
