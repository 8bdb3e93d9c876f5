//! What is left of a check: `record.yaml` in the language's folder. Its digest tells whether the folder has changed since.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use locus_core::token::body_digest;
use locus_languages::Language;
use serde::{Deserialize, Serialize};

const FILE: &str = "record.yaml";

/// A language that has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// The version that the image's own program tells.
    pub version: String,
    /// The image's size, not compressed, with the layers that it shares.
    pub image_megabytes: u64,
    /// From the start of a container to the end of `hello`.
    pub cold_milliseconds: u128,
    /// The same in a container that waits.
    pub warm_milliseconds: u128,
    /// Examples that have passed.
    pub cases: usize,
    /// Of all that the check rested on.
    pub digest: String,
}

impl Record {
    /// The record of a language, if there is one.
    pub fn read(language: &Language) -> anyhow::Result<Option<Self>> {
        let path = folder(&language.object_name()).join(FILE);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        serde_yaml::from_str(&text).map(Some).with_context(|| path.display().to_string())
    }

    /// Puts it into the language's folder.
    pub fn write(&self, language: &Language) -> anyhow::Result<()> {
        let path = folder(&language.object_name()).join(FILE);
        std::fs::write(&path, serde_yaml::to_string(self)?).with_context(|| path.display().to_string())
    }

    /// The digest of a language's folder, and of the one that its image is made from.
    pub fn digest(language: &Language) -> anyhow::Result<String> {
        let mut folders = vec![language.object_name(), language.image_name()];
        folders.dedup();
        let mut text = String::new();
        for name in folders {
            for file in files(&folder(&name))? {
                let content = std::fs::read(&file)?;
                let name = file.strip_prefix(languages_folder())?.display().to_string();
                writeln!(text, "{name} {}", body_digest(checked(&file, &content)))?;
            }
        }
        Ok(body_digest(text.as_bytes()))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, image_megabytes, cold_milliseconds, warm_milliseconds, cases, .. } = self;
        write!(
            f,
            "{cases} examples passed, version {version}, image {image_megabytes} MB, cold {cold_milliseconds} ms, warm {warm_milliseconds} ms"
        )
    }
}

/// The folder that holds all languages.
pub fn languages_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../languages")
}

/// What a check rests on in a file: what other systems call a language is no part of it.
fn checked<'a>(file: &Path, content: &'a [u8]) -> &'a [u8] {
    const COMPAT: &[u8] = b"\ncompat:\n";
    let is_language = file.file_name().is_some_and(|name| name == "language.yaml");
    let start = content.windows(COMPAT.len()).position(|part| part == COMPAT).filter(|_| is_language);
    start.map_or(content, |start| &content[..=start])
}

fn folder(language: &str) -> PathBuf {
    languages_folder().join(language)
}

/// All files below a folder but the record, in the order of their names.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.file_name().is_some_and(|name| name != FILE) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn every_language_was_checked_as_it_stands() {
        let stale: Vec<_> = locus_languages::all()
            .iter()
            .filter(|language| {
                let record = Record::read(language).expect("a record can be read");
                let digest = Record::digest(language).expect("the folder can be read");
                record.is_none_or(|record| record.digest != digest)
            })
            .map(locus_languages::Language::object_name)
            .collect();
        let names = stale.join(" ");
        assert!(stale.is_empty(), "changed since they were checked: make languages LANGUAGES=\"{names}\"");
    }

    #[test]
    fn other_names_of_a_language_are_no_part_of_its_record() {
        let file = std::path::Path::new("lua/language.yaml");
        let named = b"id: lua\nexample: |\n  compat:\ncompat:\n  judge0: [64]\n";
        assert_eq!(super::checked(file, named), b"id: lua\nexample: |\n  compat:\n");
        assert_eq!(super::checked(std::path::Path::new("lua/examples/a.yaml"), named), named);
    }
}
