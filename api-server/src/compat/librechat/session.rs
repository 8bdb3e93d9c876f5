//! Sessions: runs of this API, and the files that they have left.

use bytes::Bytes;
use locus_core::{Encoding, OutputFile, Run, RunRequest, view};

use super::answer::unauthorized;
use super::id::{SessionId, of_file};
use super::upload::MAIN;
use super::{EXEC, LABEL};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::{BackendError, Client, Once, Order};
use crate::compat::beside::main_file;
use crate::taking::{self, KEEP_SECONDS};

/// Extensions of what compilers and interpreters leave for themselves, which is nobody's result.
const LEFTOVERS: [&str; 9] = ["class", "pyc", "o", "a", "so", "out", "hi", "mod", "rlib"];

/// A file of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its name below the work folder.
    pub name: String,
    /// What kind of file it is.
    pub media_type: String,
    /// The content.
    pub bytes: Bytes,
}

/// A session that is over, with its files.
#[derive(Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The run that it is.
    pub run: Run,
    /// What the run has left.
    pub files: Vec<File>,
}

/// Runs a program as a session of its own, and waits for its end.
pub async fn run(app: &App, client: &Client, kind: &str, request: RunRequest) -> Result<Session, Problem> {
    let id = SessionId::new();
    let labels = [(LABEL.to_owned(), kind.to_owned())].into();
    // Named by us, so that the session's id is the run's.
    let once = Some(Once { id: id.run(), digest: id.run() });
    let request = RunRequest { labels, ..request };
    let order = Order { request, client: client.clone(), once, keep_seconds: KEEP_SECONDS, note: None };
    let run = taking::run(app, order).await?;
    Ok(session(app, id, run).await)
}

/// A session that was run before.
pub async fn find(app: &App, client: &Client, id: SessionId) -> Result<Session, Problem> {
    match app.backend.wait(client, &id.run()).await {
        Ok(run) if run.labels.contains_key(LABEL) => Ok(session(app, id, run).await),
        // A run of another API is none of this one's sessions.
        Ok(_) | Err(BackendError::NotFound(_) | BackendError::Spent) => Err(unauthorized("Unauthorized")),
        Err(error) => Err(error.into()),
    }
}

/// A run with its files, among which the program itself is none.
async fn session(app: &App, id: SessionId, run: Run) -> Session {
    let is_upload = run.labels.get(LABEL).is_some_and(|label| label != EXEC);
    let main = if is_upload { Some(MAIN.to_owned()) } else { main_file(app, &run.language).await };
    let is_told = |name: &str| main.as_deref() != Some(name) && (is_upload || is_result(name));
    let files = run.files.iter().filter(|file| is_told(&file.name)).map(File::from).collect();
    Session { id, run, files }
}

impl From<&OutputFile> for File {
    fn from(file: &OutputFile) -> Self {
        let bytes = match file.encoding {
            Encoding::Utf8 => Bytes::from(file.content.clone()),
            Encoding::Base64 => view::bytes(None, Some(&file.content)).unwrap_or_default().into(),
        };
        Self { id: of_file(&file.name), name: file.name.clone(), media_type: file.media_type.clone(), bytes }
    }
}

/// Whether a file is a program's result by its name: LibreChat shows its users each that is, and tells models that a name
/// without an extension is not kept.
fn is_result(name: &str) -> bool {
    let (folders, name) = name.rsplit_once('/').unwrap_or(("", name));
    let extension = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, extension)| extension);
    !folders.split('/').any(|folder| folder == "__pycache__")
        && extension.is_some_and(|extension| !LEFTOVERS.contains(&extension))
}

#[cfg(test)]
mod tests {
    use super::is_result;

    #[test]
    fn results_have_an_extension_that_is_no_compilers() {
        for (name, is) in [
            ("plot.png", true),
            ("out/table.csv", true),
            ("a.b/c.tar.gz", true),
            ("main", false),
            (".hidden", false),
            ("Main.class", false),
            ("__pycache__/helper.cpython-313.pyc", false),
            ("a/__pycache__/x.txt", false),
            ("a.out", false),
        ] {
            assert_eq!(is_result(name), is, "{name}");
        }
    }
}
