//! `GET /runtimes`: the languages, by their names in Piston.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nodejs_semver::{Range, Version};
use serde::Serialize;

use super::json;
use crate::app::App;
use crate::backend::LanguageInfo;

/// Longer ranges match nothing.
const RANGE_BYTES_MAX: usize = 256;

/// A language as Piston names it.
#[derive(Debug, Clone, Serialize)]
pub struct Runtime {
    /// Its name.
    pub language: String,
    #[serde(serialize_with = "as_text")]
    /// Its version, in three numbers.
    pub version: Version,
    /// What else it goes by.
    pub aliases: Vec<String>,
    /// What it is here.
    #[serde(skip)]
    pub info: LanguageInfo,
}

fn as_text<S: serde::Serializer>(version: &Version, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(version)
}

impl From<LanguageInfo> for Runtime {
    fn from(info: LanguageInfo) -> Self {
        let own = || [std::slice::from_ref(&info.id), &info.aliases].concat();
        let mut names = if info.compat.piston.is_empty() { own() } else { info.compat.piston.clone() };
        let language = names.remove(0);
        Self { language, version: version(&info.version), aliases: names, info }
    }
}

/// A version as three numbers: what is missing is 0, and what follows is left out.
#[must_use]
pub fn version(text: &str) -> Version {
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().unwrap_or(0)
    };
    let mut numbers = text.split('.').map(number);
    let mut next = || numbers.next().unwrap_or(0u64);
    Version::from((next(), next(), next()))
}

/// The languages, once all are known.
pub async fn all(app: &App) -> Vec<Runtime> {
    app.backend.surveyed().await;
    app.backend.languages().into_iter().map(Runtime::from).collect()
}

/// Whether a version is in a range as npm writes them.
#[must_use]
pub fn satisfies(version: &Version, range: &str) -> bool {
    range.len() <= RANGE_BYTES_MAX && Range::parse(range).is_ok_and(|range| range.satisfies(version))
}

/// The newest of the languages that go by a name and have a version in a range.
#[must_use]
pub fn newest(runtimes: Vec<Runtime>, name: &str, range: &str) -> Option<Runtime> {
    let goes_by = |runtime: &Runtime| runtime.language == name || runtime.aliases.iter().any(|alias| alias == name);
    let matching = runtimes.into_iter().filter(|runtime| goes_by(runtime) && satisfies(&runtime.version, range));
    // Of two that are as new, the first.
    matching.reduce(|best, other| if other.version > best.version { other } else { best })
}

/// Lists the languages.
pub async fn list(State(app): State<App>) -> Response {
    json(StatusCode::OK, &all(&app).await)
}

#[cfg(test)]
mod tests {
    use locus_languages::Compat;

    use super::{Runtime, newest, satisfies, version};
    use crate::backend::LanguageInfo;

    #[test]
    fn every_version_is_three_numbers() {
        for (text, expected) in [
            ("3.13", "3.13.0"),
            ("14", "14.0.0"),
            ("2024.09", "2024.9.0"),
            ("1.2.3.4", "1.2.3"),
            ("0.17.0-dev.5", "0.17.0"),
            ("3.13.0rc1", "3.13.0"),
            ("", "0.0.0"),
        ] {
            assert_eq!(version(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_those_of_npm() {
        let versions = ["3.13.0", "3.11.0", "14.0.0"];
        for (range, expected) in [
            ("*", &versions[..]),
            ("", &versions),
            ("x", &versions),
            ("3", &["3.13.0", "3.11.0"]),
            ("3.x", &["3.13.0", "3.11.0"]),
            ("^3", &["3.13.0", "3.11.0"]),
            ("~3.13", &["3.13.0"]),
            ("3.13", &["3.13.0"]),
            ("3.13.0", &["3.13.0"]),
            ("v3.13.0", &["3.13.0"]),
            ("=3.13.0", &["3.13.0"]),
            ("3.13.1", &[]),
            (">3.11", &["3.13.0", "14.0.0"]),
            (">=3.0.0 <3.12", &["3.11.0"]),
            ("3.11 || 14", &["3.11.0", "14.0.0"]),
            ("3.0 - 3.12", &["3.11.0"]),
            ("latest", &[]),
            ("3.13.0-beta", &[]),
            ("3.13.0.0", &[]),
        ] {
            let found: Vec<_> = versions.into_iter().filter(|text| satisfies(&version(text), range)).collect();
            assert_eq!(found, expected, "{range:?}");
        }
        assert!(!satisfies(&version("3.13"), &"*".repeat(300)));
    }

    #[test]
    fn a_language_is_found_by_its_names_there_and_the_newest_is_taken() {
        let python = |version: &str| {
            let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
            Runtime::from(LanguageInfo { version: version.into(), ..LanguageInfo::from(language) })
        };
        let runtimes = vec![python("3.9"), python("3.13"), python("3.11")];
        let found = |name, range| newest(runtimes.clone(), name, range).map(|found| found.version.to_string());
        assert_eq!(found("py3", "*").as_deref(), Some("3.13.0"));
        assert_eq!(found("python", "<3.13").as_deref(), Some("3.11.0"));
        assert_eq!(found("python", "2"), None);
        assert_eq!(found("Python", "*"), None);
        let LanguageInfo { id, aliases, .. } = python("3").info;
        let plain = Runtime::from(LanguageInfo { compat: Compat::default(), ..python("3").info });
        assert_eq!((plain.language, plain.aliases), (id, aliases));
    }
}
