//! What someone asks Locus to run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::LimitsRequest;

/// The most bytes that all files of a run may hold together, decoded.
pub const SOURCE_BYTES_MAX: usize = 512 * 1024;
/// The most bytes of `code`.
pub const CODE_BYTES_MAX: usize = 256 * 1024;
/// The most files of a run.
pub const FILES_MAX: usize = 32;

/// One run, as a client asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunRequest {
    /// Language id, alias, or `id@version`.
    pub language: String,
    /// The program, when it is a single file. Exactly one of `code` and `files` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The program's files; the first one is the main one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SourceFile>,
    /// What the program reads on standard input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdin: String,
    /// Arguments of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables of the program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Further arguments of the compiler.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compile_args: Vec<String>,
    /// Limits asked for; they are clamped.
    #[serde(default)]
    pub limits: LimitsRequest,
}

/// A file of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceFile {
    /// Path below the work folder: relative, without `.` and `..`.
    pub name: String,
    /// The content, in the given encoding.
    pub content: String,
    /// How `content` is written.
    #[serde(default)]
    pub encoding: Encoding,
}

/// How a file's content is written in JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Text as it is.
    #[default]
    Utf8,
    /// Standard base64 with padding.
    Base64,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvVar {
    /// The variable's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Why a request can't be run as it stands. Each message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequest {
    /// Neither or both of `code` and `files`.
    #[error("give exactly one of code and files")]
    CodeOrFiles,
    /// More files than allowed.
    #[error("a run has at most {FILES_MAX} files")]
    TooManyFiles,
    /// A name that is absolute, leaves the work folder, or holds a NUL byte.
    #[error("file name {0:?} must be a relative path without empty, \".\" or \"..\" parts, of at most 255 bytes")]
    FileName(String),
    /// Two files of one name, or a file where another one needs a folder.
    #[error("file name {0:?} stands twice, or is also the folder of another file")]
    FileTwice(String),
    /// Content that is not base64.
    #[error("the content of file {0:?} is not standard base64")]
    Base64(String),
    /// More bytes than allowed.
    #[error("code is at most {CODE_BYTES_MAX} bytes, and all files together at most {SOURCE_BYTES_MAX} bytes")]
    TooLarge,
    /// A string that can't be an argument or variable.
    #[error("{0} must not hold a NUL byte")]
    NulByte(&'static str),
    /// A variable name that is empty or holds `=`.
    #[error("environment variable name {0:?} must not be empty or hold \"=\"")]
    EnvName(String),
}

impl RunRequest {
    /// Checks the request and gives its files; `main` names the file that `code` becomes.
    ///
    /// # Errors
    /// The first thing that is wrong with the request.
    pub fn sources(&self, main: &str) -> Result<Vec<SourceFile>, InvalidRequest> {
        let files = match (&self.code, self.files.is_empty()) {
            (Some(code), true) => {
                if code.len() > CODE_BYTES_MAX {
                    return Err(InvalidRequest::TooLarge);
                }
                vec![SourceFile { name: main.to_owned(), content: code.clone(), encoding: Encoding::Utf8 }]
            }
            (None, false) => self.files.clone(),
            _ => return Err(InvalidRequest::CodeOrFiles),
        };
        check_files(&files)?;
        for (what, strings) in [("an argument", &self.args), ("a compiler argument", &self.compile_args)] {
            if strings.iter().any(|string| string.contains('\0')) {
                return Err(InvalidRequest::NulByte(what));
            }
        }
        for variable in &self.env {
            if variable.name.is_empty() || variable.name.contains('=') {
                return Err(InvalidRequest::EnvName(variable.name.clone()));
            }
            if variable.name.contains('\0') || variable.value.contains('\0') {
                return Err(InvalidRequest::NulByte("an environment variable"));
            }
        }
        Ok(files)
    }
}

impl SourceFile {
    /// The file's bytes.
    ///
    /// # Errors
    /// [`InvalidRequest::Base64`] when the content is not what `encoding` says.
    pub fn bytes(&self) -> Result<Vec<u8>, InvalidRequest> {
        match self.encoding {
            Encoding::Utf8 => Ok(self.content.clone().into_bytes()),
            Encoding::Base64 => STANDARD.decode(&self.content).map_err(|_| InvalidRequest::Base64(self.name.clone())),
        }
    }
}

fn check_files(files: &[SourceFile]) -> Result<(), InvalidRequest> {
    if files.len() > FILES_MAX {
        return Err(InvalidRequest::TooManyFiles);
    }
    let mut total = 0;
    for (index, file) in files.iter().enumerate() {
        let valid = file.name.len() <= 255
            && !file.name.contains('\0')
            && file.name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !valid {
            return Err(InvalidRequest::FileName(file.name.clone()));
        }
        let clashes = |other: &SourceFile| {
            other.name == file.name
                || other.name.strip_prefix(&file.name).is_some_and(|rest| rest.starts_with('/'))
                || file.name.strip_prefix(&other.name).is_some_and(|rest| rest.starts_with('/'))
        };
        if files[..index].iter().any(clashes) {
            return Err(InvalidRequest::FileTwice(file.name.clone()));
        }
        total += file.bytes()?.len();
    }
    if total > SOURCE_BYTES_MAX {
        return Err(InvalidRequest::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Encoding, EnvVar, InvalidRequest, RunRequest, SourceFile};

    fn file(name: &str) -> SourceFile {
        SourceFile { name: name.into(), content: String::new(), encoding: Encoding::Utf8 }
    }

    fn with_files(names: &[&str]) -> RunRequest {
        RunRequest { files: names.iter().map(|name| file(name)).collect(), ..RunRequest::default() }
    }

    #[test]
    fn code_becomes_the_main_file() {
        let request = RunRequest { code: Some("print(1)".into()), ..RunRequest::default() };
        let files = request.sources("main.py").expect("the request is valid");
        assert_eq!(files[0].name, "main.py");
        assert_eq!(files[0].bytes().expect("text has bytes"), b"print(1)");
    }

    #[test]
    fn neither_and_both_of_code_and_files_are_refused() {
        assert_eq!(RunRequest::default().sources("m"), Err(InvalidRequest::CodeOrFiles));
        let both = RunRequest { code: Some(String::new()), ..with_files(&["a"]) };
        assert_eq!(both.sources("m"), Err(InvalidRequest::CodeOrFiles));
    }

    #[test]
    fn names_that_leave_the_work_folder_are_refused() {
        for name in ["", "/etc/passwd", "../a", "a/../b", "a//b", "./a", "a/", "a\0b"] {
            assert_eq!(with_files(&[name]).sources("m"), Err(InvalidRequest::FileName(name.into())), "{name:?}");
        }
    }

    #[test]
    fn names_that_clash_are_refused() {
        for names in [["a", "a"], ["a", "a/b"], ["a/b", "a"]] {
            assert_eq!(with_files(&names).sources("m"), Err(InvalidRequest::FileTwice(names[1].into())));
        }
        assert!(with_files(&["a", "ab"]).sources("m").is_ok());
    }

    #[test]
    fn broken_base64_names_the_file() {
        let file = SourceFile { name: "a".into(), content: "?".into(), encoding: Encoding::Base64 };
        let request = RunRequest { files: vec![file], ..RunRequest::default() };
        assert_eq!(request.sources("m"), Err(InvalidRequest::Base64("a".into())));
    }

    #[test]
    fn variables_that_no_process_can_hold_are_refused() {
        let request = RunRequest {
            code: Some(String::new()),
            env: vec![EnvVar { name: "A=B".into(), value: String::new() }],
            ..RunRequest::default()
        };
        assert_eq!(request.sources("m"), Err(InvalidRequest::EnvName("A=B".into())));
    }
}
