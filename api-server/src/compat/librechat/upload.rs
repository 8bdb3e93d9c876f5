//! `POST /upload`: files for programs to come.

use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::{Extension, Json};
use locus_core::{Encoding, Run, RunRequest, SourceFile};
use serde_json::{Value, json};

use super::LABEL;
use super::answer::bad_request;
use super::id::of_file;
use super::session::{self, Session};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::Client;
use crate::body::{self, BODY_BYTES_MAX, BodyError};

/// What an upload is called by its label, and one whose files programs may not change.
const UPLOAD: &str = "upload";
const READ_ONLY: &str = "upload-read-only";
/// Languages in which an empty program does nothing, the quickest first.
const IDLE: [&str; 6] = ["bash", "lua", "perl", "python", "javascript", "ruby"];
/// The name of that program.
pub const MAIN: &str = ".upload";
/// The most files of one upload, and the most bytes of them all.
const FILES_MAX: usize = locus_core::request::FILES_MAX - 1;
const BYTES_MAX: usize = locus_core::request::SOURCE_BYTES_MAX;
const TOO_LARGE: &str = "File size limit exceeded";

/// What came with an upload.
#[derive(Default)]
struct Upload {
    files: Vec<(String, bytes::Bytes)>,
    read_only: bool,
}

/// Whether what a program does to the files of a session is to be forgotten.
pub fn is_read_only(run: &Run) -> bool {
    run.labels.get(LABEL).is_some_and(|label| label == READ_ONLY)
}

/// Keeps files, all or none.
///
/// # Errors
/// Why they are not kept.
pub async fn one(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let upload = read(request).await?;
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge", TOO_LARGE);
    let mut fit = Fit::default();
    let sources: Option<Vec<_>> = upload.files.iter().map(|(name, bytes)| fit.source(name, bytes)).collect();
    let kept = keep(&app, &client, sources.ok_or_else(too_large)?, upload.read_only).await?;
    let files: Vec<_> =
        upload.files.iter().map(|(name, _)| json!({"fileId": of_file(name), "filename": name})).collect();
    let session = kept.id.text();
    Ok(Json(json!({"message": "success", "storage_session_id": session, "session_id": session, "files": files})))
}

/// Keeps those of the files that there is room for.
///
/// # Errors
/// Why none is kept.
pub async fn batch(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let upload = read(request).await?;
    let mut fit = Fit::default();
    let sources: Vec<_> = upload.files.iter().map(|(name, bytes)| fit.source(name, bytes)).collect();
    let fitting: Vec<_> = sources.iter().flatten().cloned().collect();
    let (succeeded, failed) = (fitting.len(), sources.len() - fitting.len());
    let session = if fitting.is_empty() {
        Value::Null
    } else {
        json!(keep(&app, &client, fitting, upload.read_only).await?.id.text())
    };
    let files: Vec<_> = upload
        .files
        .iter()
        .zip(&sources)
        .map(|((name, _), source)| match source {
            Some(_) => json!({"status": "success", "filename": name, "fileId": of_file(name)}),
            None => json!({"status": "error", "filename": name, "error": TOO_LARGE}),
        })
        .collect();
    let (status, message) = match (succeeded, failed) {
        (_, 0) => (StatusCode::OK, "success"),
        (0, _) => (StatusCode::BAD_REQUEST, "error"),
        _ => (StatusCode::OK, "partial_success"),
    };
    let answer = json!({
        "message": message, "storage_session_id": session, "session_id": session,
        "files": files, "succeeded": succeeded, "failed": failed,
    });
    Ok((status, Json(answer)))
}

/// What still fits into an upload.
#[derive(Default)]
struct Fit {
    files: usize,
    bytes: usize,
}

impl Fit {
    fn source(&mut self, name: &str, bytes: &[u8]) -> Option<SourceFile> {
        let (content, encoding) = Encoding::of(bytes.to_vec());
        if self.files == FILES_MAX || self.bytes + content.len() > BYTES_MAX {
            return None;
        }
        self.files += 1;
        self.bytes += content.len();
        Some(SourceFile { name: name.to_owned(), content, encoding })
    }
}

/// A session that holds files: a run of a program that does nothing, and leaves them.
async fn keep(app: &App, client: &Client, sources: Vec<SourceFile>, read_only: bool) -> Result<Session, Problem> {
    app.backend.surveyed().await;
    let languages = app.backend.languages();
    let idle = IDLE.into_iter().find(|idle| languages.iter().any(|language| language.id == *idle));
    let idle = idle.ok_or_else(|| {
        let message = format!("to keep files the server needs one of the languages {}", IDLE.join(", "));
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", message)
    })?;
    let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
    let main = SourceFile { name: MAIN.to_owned(), content: String::new(), encoding: Encoding::Utf8 };
    let request = RunRequest {
        language: idle.to_owned(),
        files: [vec![main], sources].concat(),
        output_files: vec!["**".to_owned()],
        ..RunRequest::default()
    };
    let session = session::run(app, client, if read_only { READ_ONLY } else { UPLOAD }, request).await?;
    match names.iter().find(|name| !session.files.iter().any(|file| file.name == **name)) {
        None => Ok(session),
        Some(name) => {
            let message = format!("Error uploading files: {name} is not kept: {}", session.run.error);
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "RunnerFailed", message))
        }
    }
}

async fn read(request: Request) -> Result<Upload, Problem> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.contains("multipart/form-data") {
        return Err(bad_request("Invalid content type. Must be multipart/form-data."));
    }
    let bytes = body::bytes(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge(_) => Problem { message: TOO_LARGE.to_owned(), ..error.into() },
        error => error.into(),
    })?;
    let broken = |error: &dyn std::fmt::Display| bad_request(format!("Error processing upload: {error}"));
    let request = Request::from_parts(parts, Body::from(bytes));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
    let mut upload = Upload::default();
    while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
        let (name, file) = (field.name().unwrap_or_default().to_owned(), field.file_name().map(str::to_owned));
        let bytes = field.bytes().await.map_err(|error| broken(&error))?;
        match file {
            Some(file) => upload.files.push((file, bytes)),
            None if name == "read_only" => upload.read_only = bytes.eq_ignore_ascii_case(b"true"),
            // Whose files they are is for LibreChat to know.
            None => {}
        }
    }
    if upload.files.is_empty() { Err(bad_request("No files provided")) } else { Ok(upload) }
}
