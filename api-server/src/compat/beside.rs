//! Programs of one file that clients give apart from the files beside it.

use locus_core::{Encoding, RunRequest, SourceFile};

use crate::app::App;

/// The name of the file that a program in a language becomes, if there is that language.
pub async fn main_file(app: &App, language: &str) -> Option<String> {
    app.backend.surveyed().await;
    let name = language.split('@').next().unwrap_or_default();
    let languages = app.backend.languages().into_iter();
    let mut named = languages.filter(|known| known.id == name || known.aliases.iter().any(|alias| alias == name));
    named.next().map(|known| known.file_name)
}

/// The request for a program with files beside it.
pub async fn request(
    app: &App,
    request: RunRequest,
    language: String,
    code: String,
    files: Vec<SourceFile>,
) -> RunRequest {
    if files.is_empty() {
        return RunRequest { language, code: Some(code), ..request };
    }
    // What no language is called is refused as such, whatever its file would be.
    let main = main_file(app, &language).await.unwrap_or_else(|| "main".to_owned());
    let main = SourceFile { name: main, content: code, encoding: Encoding::Utf8 };
    RunRequest { language, files: std::iter::once(main).chain(files).collect(), ..request }
}
