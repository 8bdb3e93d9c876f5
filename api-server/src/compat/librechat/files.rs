//! The files of a session: which there are, and what is in them.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use locus_core::token::body_digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::bad_request;
use super::id::{SessionId, is_file};
use super::session::{self, File, Session};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::Client;
use crate::query::{Parameters, Path};

/// How much of each file a list tells. Whose they are is asked as well, which the API key has said.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    detail: String,
}

/// The files of a session.
///
/// # Errors
/// There is no such session of this client.
pub async fn list(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path(session): Path<String>,
    Parameters(query): Parameters<ListQuery>,
) -> Result<Json<Vec<Value>>, Problem> {
    let session = find(&app, &client, &session).await?;
    let told = |file: &File| {
        let Object { name, size, last_modified, etag } = object_of(&session, file);
        match query.detail.as_str() {
            "summary" => json!({"name": name, "size": size, "lastModified": last_modified, "etag": etag}),
            "full" => json!({
                "name": name, "size": size, "lastModified": last_modified, "etag": etag,
                "metadata": {"content-type": file.media_type, "original-filename": file.name,
                    "original-filename-encoded": "none"},
                "versionId": null, "contentType": file.media_type,
            }),
            "normalized" => json!({
                "id": file.id, "name": file.name, "storage_session_id": session.id.text(),
                "session_id": session.id.text(), "size": size, "contentType": file.media_type,
                "lastModified": last_modified,
            }),
            _ => json!(name),
        }
    };
    Ok(Json(session.files.iter().map(told).collect()))
}

/// What is known of a file.
///
/// # Errors
/// There is no such file of this client.
pub async fn object(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path((session, file)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let (session, file) = find_file(&app, &client, &session, &file).await?;
    let Object { name, size, last_modified, etag } = object_of(&session, &file);
    Ok(Json(json!({
        "name": name, "originalFilename": file.name, "size": size, "lastModified": last_modified, "etag": etag,
        "contentType": file.media_type, "readOnly": super::upload::is_read_only(&session.run),
    })))
}

/// A file's bytes.
///
/// # Errors
/// There is no such file of this client.
pub async fn download(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    Path((session, file)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (_, file) = find_file(&app, &client, &session, &file).await?;
    let name: String = file.name.bytes().map(percent).collect();
    let headers = [
        (header::CONTENT_TYPE, file.media_type),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
    ];
    Ok((headers, file.bytes).into_response())
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// A file as a store of objects tells it.
struct Object {
    name: String,
    size: usize,
    last_modified: String,
    etag: String,
}

fn object_of(session: &Session, file: &File) -> Object {
    let base = file.name.rsplit('/').next().unwrap_or_default();
    let extension = base.rsplit_once('.').map(|(_, extension)| format!(".{extension}")).unwrap_or_default();
    Object {
        name: format!("{}/{}{extension}", session.id.text(), file.id),
        size: file.bytes.len(),
        last_modified: session.run.finished_at.clone().unwrap_or_else(|| session.run.created_at.clone()),
        etag: body_digest(&file.bytes)[..32].to_owned(),
    }
}

async fn find(app: &App, client: &Client, session: &str) -> Result<Session, Problem> {
    let id = SessionId::read(session).ok_or_else(|| bad_request("Bad request"))?;
    session::find(app, client, id).await
}

async fn find_file(app: &App, client: &Client, session: &str, file: &str) -> Result<(Session, File), Problem> {
    if !is_file(file) {
        return Err(bad_request("Bad request"));
    }
    let session = find(app, client, session).await?;
    let found = session.files.iter().find(|known| known.id == file).cloned();
    let found = found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "NotFound", "File not found"))?;
    Ok((session, found))
}
