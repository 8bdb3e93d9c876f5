//! `POST /exec`: runs a program, with files of sessions before it.

use axum::body::Body;
use axum::extract::State;
use axum::{Extension, Json};
use locus_core::request::{FILES_MAX, SOURCE_BYTES_MAX};
use locus_core::{Encoding, InvalidRequest, RunRequest, SourceFile};
use serde::Deserialize;

use super::EXEC;
use super::answer::{Executed, FileRef, Origin, bad_request, executed, unauthorized};
use super::id::{SessionId, is_file};
use super::session::{self, File, Session};
use super::upload::is_read_only;
use crate::answer::Problem;
use crate::app::App;
use crate::backend::Client;
use crate::body::{self, BODY_BYTES_MAX};
use crate::compat::beside::{self, main_file};

/// All files that a program leaves are asked for: which ones it will leave is nobody's to say before.
const ALL: &str = "**";

/// A program, as LibreChat asks for it. What else it sends is about its own users and has no meaning here.
#[derive(Debug, Deserialize)]
struct Exec {
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    args: Option<Vec<String>>,
    #[serde(default)]
    files: Option<Vec<Wanted>>,
}

/// A file of a session that the program is to be given.
#[derive(Debug, Deserialize)]
struct Wanted {
    id: String,
    name: String,
    #[serde(default)]
    storage_session_id: Option<String>,
    /// What earlier clients call the same.
    #[serde(default)]
    session_id: Option<String>,
}

/// A file that the program is given.
struct Given {
    wanted: Wanted,
    session: SessionId,
    file: File,
    read_only: bool,
}

/// Runs a program.
///
/// # Errors
/// Why there is no result.
pub async fn run(
    State(app): State<App>,
    Extension(client): Extension<Client>,
    body: Body,
) -> Result<Json<Executed>, Problem> {
    let bytes = body::bytes(body, BODY_BYTES_MAX).await?;
    let Exec { lang, code, args, files } = body::parse(&bytes)?;
    let lang = lang.map(|lang| lang.to_lowercase());
    let language = lang.clone().unwrap_or_default();
    if main_file(&app, &language).await.is_none() {
        let named = lang.as_deref().unwrap_or("undefined");
        return Err(bad_request(format!("Unsupported language: {named}")));
    }
    let code = code.ok_or_else(|| bad_request("code must be a string"))?;
    let given = given(&app, &client, files.unwrap_or_default()).await?;
    let sources = given.iter().map(Given::source).collect();
    let request =
        RunRequest { args: args.unwrap_or_default(), output_files: vec![ALL.to_owned()], ..RunRequest::default() };
    let request = beside::request(&app, request, language, code, sources).await;
    body::check(&request)?;
    let Session { id, run, files } = session::run(&app, &client, EXEC, request).await?;
    let files = files.iter().map(|file| told(id, file, &given)).collect();
    executed(id, run, files).map(Json)
}

/// The files of other sessions, each as it is there. One session is held at a time, however many are named.
async fn given(app: &App, client: &Client, wanted: Vec<Wanted>) -> Result<Vec<Given>, Problem> {
    // The program is a file too.
    if wanted.len() >= FILES_MAX {
        return Err(bad_request(InvalidRequest::TooManyFiles.to_string()));
    }
    let mut room = SOURCE_BYTES_MAX;
    let mut last: Option<Session> = None;
    let mut given = Vec::new();
    for (index, wanted) in wanted.into_iter().enumerate() {
        if !is_file(&wanted.id) {
            return Err(bad_request(format!("files[{index}].id is invalid")));
        }
        let named = wanted.storage_session_id.as_deref().or(wanted.session_id.as_deref());
        let id = named
            .and_then(SessionId::read)
            .ok_or_else(|| bad_request(format!("files[{index}].storage_session_id is invalid")))?;
        let session = match last.take().filter(|last| last.id == id) {
            Some(session) => session,
            None => session::find(app, client, id).await?,
        };
        let file = session.files.iter().find(|file| file.id == wanted.id).cloned();
        let file = file.ok_or_else(|| unauthorized("Unauthorized file reference"))?;
        room = room.checked_sub(file.bytes.len()).ok_or_else(|| bad_request(InvalidRequest::TooLarge.to_string()))?;
        given.push(Given { session: id, file, read_only: is_read_only(&session.run), wanted });
        last = Some(session);
    }
    Ok(given)
}

impl Given {
    fn source(&self) -> SourceFile {
        let (content, encoding) = Encoding::of(self.file.bytes.to_vec());
        SourceFile { name: self.wanted.name.clone(), content, encoding }
    }
}

/// A file that the program left, or was given and left as it was.
fn told(session: SessionId, file: &File, given: &[Given]) -> FileRef {
    let new = FileRef::new(session, &file.id, &file.name);
    match given.iter().find(|given| given.wanted.name == file.name) {
        None => new,
        Some(given) if given.read_only || given.file.bytes == file.bytes => {
            FileRef { inherited: true, ..FileRef::new(given.session, &given.wanted.id, &file.name) }
        }
        Some(given) => {
            let origin = Origin { id: given.wanted.id.clone(), storage_session_id: given.session.text() };
            FileRef { modified_from: Some(origin), ..new }
        }
    }
}
