//! The examples of a language: programs with what they are to print. They stand in `examples.yaml` of its folder and are
//! read by tests; nothing embeds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use locus_core::{EnvVar, LimitsRequest, Outcome, RunRequest, SourceFile, Transcript};
use serde::Deserialize;

use crate::Language;

/// What every language shows; those that compile show [`COMPILE_ERROR`] too.
pub const SUBJECTS: [&str; 10] = [
    "hello",
    "stdin",
    "arguments",
    "exit-code",
    "stderr",
    "runtime-error",
    "unicode",
    "large-output",
    "several-files",
    "library",
];

/// What a language with a compiler shows.
pub const COMPILE_ERROR: &str = "compile-error";

/// The bytes that the example `large-output` prints.
pub const LARGE: usize = 1 << 20;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Examples {
    /// Subjects that the language can't show, with the reason.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
    /// The programs.
    pub cases: Vec<Example>,
}

/// A program and what comes of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Example {
    /// What it shows: one of [`SUBJECTS`], or a name of its own.
    pub name: String,
    /// The program; or `files`.
    #[serde(default)]
    pub code: Option<String>,
    /// The program's files, the main one first; or `code`.
    #[serde(default)]
    pub files: Vec<SourceFile>,
    /// What it reads.
    #[serde(default)]
    pub stdin: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Its environment.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Arguments of the compiler.
    #[serde(default)]
    pub compile_args: Vec<String>,
    /// What it writes to stdout, to the byte.
    #[serde(default)]
    pub stdout: String,
    /// In place of `stdout`: parts of it.
    #[serde(default)]
    pub stdout_contains: Vec<String>,
    /// In place of `stdout`: a text that is all of it, over and over, [`LARGE`] bytes together.
    #[serde(default)]
    pub stdout_repeats: Option<String>,
    /// What it writes to stderr, to the byte.
    #[serde(default)]
    pub stderr: String,
    /// In place of `stderr`: parts of it; of the compiler's output, where the outcome is `CompileFailed`.
    #[serde(default)]
    pub stderr_contains: Vec<String>,
    /// Its exit code; 0 unless told.
    #[serde(default)]
    pub exit_code: Option<i32>,
    /// The verdict, where it does not follow from the exit code: `CompileFailed` or `Signaled`.
    #[serde(default)]
    pub outcome: Option<Outcome>,
}

/// What came of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The verdict.
    pub outcome: Outcome,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr; of a program that was not compiled, what the compiler wrote.
    pub stderr: Vec<u8>,
    /// Why it did not complete.
    pub error: String,
}

impl Found {
    /// What a run's events tell; none of a run that has not ended.
    #[must_use]
    pub fn of(transcript: Transcript) -> Option<Self> {
        let Transcript { stdout, mut stderr, result, .. } = transcript;
        let result = result?;
        if let (Outcome::CompileFailed, Some(compile)) = (result.outcome, result.compile) {
            stderr = (compile.stdout + &compile.stderr).into_bytes();
        }
        Some(Self { outcome: result.outcome, exit_code: result.exit_code, stdout, stderr, error: result.error })
    }
}

/// Why the examples of a language can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ExamplesError {
    /// The file can't be read.
    #[error("{path} can't be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_yaml::Error,
    },
    /// It lacks something.
    #[error("{path}: {what}")]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: String,
    },
}

impl Examples {
    /// Reads the examples of a language from the folder that holds all languages.
    ///
    /// # Errors
    /// The file is not there, is not right, or shows too little.
    pub fn read(languages: &Path, language: &Language) -> Result<Self, ExamplesError> {
        let path = languages.join(language.object_name()).join("examples.yaml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ExamplesError::Read { path, source }),
        };
        let examples: Self = match serde_yaml::from_str(&text) {
            Ok(examples) => examples,
            Err(source) => return Err(ExamplesError::Parse { path, source }),
        };
        match examples.lack(language) {
            None => Ok(examples),
            Some(what) => Err(ExamplesError::Incomplete { path, what }),
        }
    }

    /// What the examples do not show although they should, or the other way round.
    fn lack(&self, language: &Language) -> Option<String> {
        let has = |subject: &str| self.cases.iter().any(|case| case.name == subject);
        let compiles = language.compile.is_some().then_some(COMPILE_ERROR);
        let subjects: Vec<_> = SUBJECTS.into_iter().chain(compiles).collect();
        if let Some(subject) = subjects.iter().find(|subject| has(subject) == self.without.contains_key(**subject)) {
            return Some(format!("give an example of {subject}, or say under `without` why there is none"));
        }
        if let Some(odd) = self.without.keys().find(|subject| !subjects.contains(&subject.as_str())) {
            return Some(format!("{odd} is not a subject"));
        }
        let names: std::collections::HashSet<_> = self.cases.iter().map(|case| &case.name).collect();
        (names.len() < self.cases.len()).then(|| "two examples have one name".to_owned())
    }
}

impl Example {
    /// The request that runs it.
    #[must_use]
    pub fn request(&self, selector: String) -> RunRequest {
        RunRequest {
            language: selector,
            code: self.code.clone(),
            files: self.files.clone(),
            stdin: self.stdin.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            compile_args: self.compile_args.clone(),
            limits: LimitsRequest::default(),
            ..RunRequest::default()
        }
    }

    /// Whether what came of it is what should have.
    ///
    /// # Errors
    /// Says what is different.
    pub fn check(&self, found: &Found) -> Result<(), String> {
        let exit_code = self.exit_code.unwrap_or_default();
        let usual = if exit_code == 0 { Outcome::Completed } else { Outcome::NonZeroExit };
        let outcome = self.outcome.unwrap_or(usual);
        let stdout = String::from_utf8_lossy(&found.stdout);
        let stderr = String::from_utf8_lossy(&found.stderr);
        let all = || format!("\n  error: {}\n  stdout: {:.2000?}\n  stderr: {:.2000?}", found.error, stdout, stderr);
        if found.outcome != outcome {
            return Err(format!("the outcome is {}, not {}{}", found.outcome.as_str(), outcome.as_str(), all()));
        }
        if self.outcome.is_none() && found.exit_code != Some(exit_code) {
            return Err(format!("the exit code is {:?}, not {exit_code}{}", found.exit_code, all()));
        }
        let missing = |parts: &[String], text: &str| parts.iter().find(|part| !text.contains(*part)).cloned();
        if let Some(text) = &self.stdout_repeats {
            let times = LARGE / text.len().max(1);
            if *stdout != text.repeat(times) || stdout.len() != LARGE {
                return Err(format!("stdout is not {text:?} {times} times, but {} bytes{}", stdout.len(), all()));
            }
        } else if let Some(part) = missing(&self.stdout_contains, &stdout) {
            return Err(format!("stdout lacks {part:?}{}", all()));
        } else if self.stdout_contains.is_empty() && *stdout != self.stdout {
            return Err(format!("stdout is not {:?}{}", self.stdout, all()));
        }
        if let Some(part) = missing(&self.stderr_contains, &stderr) {
            return Err(format!("stderr lacks {part:?}{}", all()));
        }
        if self.stderr_contains.is_empty() && *stderr != self.stderr {
            return Err(format!("stderr is not {:?}{}", self.stderr, all()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use locus_core::{Outcome, RunRequest};

    use super::{Example, Examples, Found};

    #[test]
    fn every_language_shows_what_it_should() {
        for language in crate::all() {
            let examples = Examples::read(Path::new(env!("CARGO_MANIFEST_DIR")), language)
                .unwrap_or_else(|error| panic!("{error}"));
            for case in &examples.cases {
                let request = RunRequest { language: language.id.clone(), ..case.request(language.id.clone()) };
                request.sources(&language.file_name).unwrap_or_else(|error| {
                    panic!("{}: {}: {error}", language.object_name(), case.name);
                });
            }
        }
    }

    fn found(stdout: &str, exit_code: i32) -> Found {
        let outcome = if exit_code == 0 { Outcome::Completed } else { Outcome::NonZeroExit };
        Found {
            outcome,
            exit_code: Some(exit_code),
            stdout: stdout.into(),
            stderr: b"oh no".to_vec(),
            error: String::new(),
        }
    }

    #[test]
    fn what_is_different_is_told() {
        let example = Example { stdout: "a\n".into(), stderr_contains: vec!["no".into()], ..Example::default() };
        assert_eq!(example.check(&found("a\n", 0)), Ok(()));
        for (stdout, exit_code, what) in [("b\n", 0, "stdout"), ("a\n\n", 0, "stdout"), ("a\n", 3, "outcome")] {
            let told = example.check(&found(stdout, exit_code)).expect_err("it is different");
            assert!(told.contains(what), "{told}");
        }
        let exact = Example { stderr_contains: Vec::new(), ..example.clone() };
        assert!(exact.check(&found("a\n", 0)).expect_err("stderr is not empty").contains("stderr"));
        let large = Example { stdout: String::new(), stdout_repeats: Some("ab\nc".into()), ..example };
        assert!(large.check(&found("ab\nc", 0)).is_err());
        assert_eq!(large.check(&found(&"ab\nc".repeat(1 << 18), 0)), Ok(()));
    }
}
