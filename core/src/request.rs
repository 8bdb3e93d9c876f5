//! What someone asks Locus to run.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::cases::CASES_MAX;
use crate::{CaseInput, Checker, LimitsRequest, TestCase};

/// The most bytes that all files of a run may hold together, decoded.
pub const SOURCE_BYTES_MAX: usize = 512 * 1024;
/// The most bytes of `code`.
pub const CODE_BYTES_MAX: usize = 256 * 1024;
/// The most files of a run.
pub const FILES_MAX: usize = 32;

/// The most names and globs of files to return.
pub const OUTPUT_FILES_MAX: usize = 16;
/// The most labels of a run.
pub const LABELS_MAX: usize = 16;

/// The most bytes of a text that a program reads or is to print, of an argument, and of a variable's value.
pub const INPUT_BYTES_MAX: usize = 256 * 1024;
const ARGUMENT_BYTES_MAX: usize = 4096;
const VARIABLE_BYTES_MAX: usize = 32 * 1024;
const NAME_BYTES_MAX: usize = 256;
const LANGUAGE_BYTES_MAX: usize = 96;
/// The most arguments, variables, and arguments of a compiler.
const ARGUMENTS_MAX: usize = 128;
const VARIABLES_MAX: usize = 128;
const COMPILE_ARGUMENTS_MAX: usize = 64;
/// The most bytes of the name of a case.
const CASE_NAME_BYTES_MAX: usize = 128;

/// One run, as a client asks for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// Limits asked for of the compile step; they are kept below the language's own. Where nothing is compiled they have no
    /// effect.
    #[serde(default, skip_serializing_if = "LimitsRequest::is_empty")]
    pub compile_limits: LimitsRequest,
    /// Whether the program's standard error is its standard output: one stream, in the order in which it was written. Then
    /// `stderr` is empty. What the compiler writes stays apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr_to_stdout: bool,
    /// Whether more standard input may be sent while the program runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
    /// Names of files that the program leaves and that are to be returned; `*` stands for any part of a name and `**` for
    /// any folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_files: Vec<String>,
    /// Cases that the program is run for, one after the other; it is compiled once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestCase>,
    /// What the client itself knows the run by, and finds it with in a list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// An http or https URL that is sent the run once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
}

/// A file of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Text as it is.
    #[default]
    Utf8,
    /// Standard base64 with padding.
    Base64,
}

impl Encoding {
    /// Bytes as the content of a file: text if they are, and else base64.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> (String, Self) {
        match String::from_utf8(bytes) {
            Ok(text) => (text, Self::Utf8),
            Err(error) => (STANDARD.encode(error.as_bytes()), Self::Base64),
        }
    }
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// A name that the command of a language would not take for one.
    #[error(
        "file name {0:?} must not begin with \"-\", which commands read as an option; the main file's not with \"+\" or \"@\" either"
    )]
    LikeAnOption(String),
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
    /// More cases than allowed.
    #[error("a run has at most {CASES_MAX} tests")]
    TooManyTests,
    /// Something beside `tests` that each case has by itself.
    #[error("a run with tests has no {field} of its own: {instead}")]
    BesideTests {
        /// What it is.
        field: &'static str,
        /// What to do about it.
        instead: &'static str,
    },
    /// A tolerance that no number lies within, or that every number does.
    #[error("the tolerance of a test must be a number from 0 to 1")]
    Tolerance,
    /// A tolerance of a test whose numbers nobody compares.
    #[error("the tolerance of a test goes with the checker \"float\": give it that one, or leave the tolerance out")]
    ToleranceWithoutFloat,
    /// More names and globs than allowed.
    #[error("a run has at most {OUTPUT_FILES_MAX} outputFiles")]
    TooManyOutputFiles,
    /// A glob that is absolute, leaves the work folder, or holds a NUL byte.
    #[error(
        "output file {0:?} must be a relative name or glob without empty, \".\" or \"..\" parts, of at most 255 bytes"
    )]
    OutputFile(String),
    /// More labels than allowed.
    #[error("a run has at most {LABELS_MAX} labels")]
    TooManyLabels,
    /// A label that a cluster would not take.
    #[error(
        "label {0:?} must be a name and a value of at most 63 letters, digits, \"-\", \"_\" and \".\", with a letter or digit \
         at both ends; only the value may be empty"
    )]
    Label(String),
    /// A callback that is no URL of the web.
    #[error("callback {0:?} must be an http:// or https:// URL of at most 2048 bytes")]
    Callback(String),
    /// Longer than a `CodeRun` may hold.
    #[error("{what} holds at most {most} {unit}")]
    TooLong {
        /// What it is, by the names of its fields.
        what: &'static str,
        /// How much it may hold.
        most: usize,
        /// Of what.
        unit: &'static str,
    },
    /// More text than a `CodeRun` may hold.
    #[error(
        "code, files, stdin and the tests hold at most {SOURCE_BYTES_MAX} bytes together: make the program smaller"
    )]
    TooMuchText,
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
        self.check_tests()?;
        self.check_output_files()?;
        self.check_labels()?;
        if let Some(url) = self.callback.as_ref().filter(|url| !is_web_url(url)) {
            return Err(InvalidRequest::Callback(url.clone()));
        }
        Ok(files)
    }

    /// Refuses what a `CodeRun` has no room for, so that a request is the same to a machine and to a cluster.
    ///
    /// # Errors
    /// The first part that is too long.
    pub fn check_sizes(&self) -> Result<(), InvalidRequest> {
        let bounds = self.tests.iter().flat_map(|test| {
            [
                bound("tests.name", test.name.as_deref().map_or(0, str::len), CASE_NAME_BYTES_MAX, BYTES),
                bound("tests.stdin", test.stdin.len(), INPUT_BYTES_MAX, BYTES),
                bound("tests.args", test.args.as_deref().map_or(0, <[_]>::len), ARGUMENTS_MAX, ITEMS),
                bound("an item of tests.args", longest(test.args.iter().flatten()), ARGUMENT_BYTES_MAX, BYTES),
                bound(
                    "tests.expectedStdout",
                    test.expected_stdout.as_deref().map_or(0, str::len),
                    INPUT_BYTES_MAX,
                    BYTES,
                ),
            ]
        });
        let own = [
            bound("language", self.language.len(), LANGUAGE_BYTES_MAX, BYTES),
            bound("stdin", self.stdin.len(), INPUT_BYTES_MAX, BYTES),
            bound("args", self.args.len(), ARGUMENTS_MAX, ITEMS),
            bound("an item of args", longest(&self.args), ARGUMENT_BYTES_MAX, BYTES),
            bound("env", self.env.len(), VARIABLES_MAX, ITEMS),
            bound("env.name", longest(self.env.iter().map(|variable| &variable.name)), NAME_BYTES_MAX, BYTES),
            bound("env.value", longest(self.env.iter().map(|variable| &variable.value)), VARIABLE_BYTES_MAX, BYTES),
            bound("compileArgs", self.compile_args.len(), COMPILE_ARGUMENTS_MAX, ITEMS),
            bound("an item of compileArgs", longest(&self.compile_args), ARGUMENT_BYTES_MAX, BYTES),
        ];
        own.into_iter().chain(bounds).collect::<Result<(), _>>()?;
        let tests =
            self.tests.iter().map(|test| test.stdin.len() + test.expected_stdout.as_deref().map_or(0, str::len));
        let files = self.files.iter().map(|file| file.content.len());
        let text = self.code.as_deref().map_or(0, str::len) + self.stdin.len();
        if text + files.chain(tests).sum::<usize>() > SOURCE_BYTES_MAX {
            return Err(InvalidRequest::TooMuchText);
        }
        Ok(())
    }

    /// What a runner is told of the cases: never what they are to print.
    #[must_use]
    pub fn case_inputs(&self) -> Vec<CaseInput> {
        let input = |test: &TestCase| CaseInput {
            stdin: test.stdin.clone(),
            args: test.args.clone().unwrap_or_else(|| self.args.clone()),
        };
        self.tests.iter().map(input).collect()
    }

    fn check_tests(&self) -> Result<(), InvalidRequest> {
        if self.tests.is_empty() {
            return Ok(());
        }
        if self.tests.len() > CASES_MAX {
            return Err(InvalidRequest::TooManyTests);
        }
        let beside = [
            ("stdin", !self.stdin.is_empty(), "give it in each test"),
            ("interactive", self.interactive, "give each test its stdin"),
            ("outputFiles", !self.output_files.is_empty(), "leave them out, or the tests"),
        ];
        if let Some((field, _, instead)) = beside.into_iter().find(|(_, given, _)| *given) {
            return Err(InvalidRequest::BesideTests { field, instead });
        }
        for test in &self.tests {
            if test.args.iter().flatten().any(|argument| argument.contains('\0')) {
                return Err(InvalidRequest::NulByte("an argument"));
            }
            if test.tolerance.is_some_and(|tolerance| !(0.0..=1.0).contains(&tolerance)) {
                return Err(InvalidRequest::Tolerance);
            }
            if test.tolerance.is_some() && test.checker != Checker::Float {
                return Err(InvalidRequest::ToleranceWithoutFloat);
            }
        }
        Ok(())
    }

    fn check_labels(&self) -> Result<(), InvalidRequest> {
        if self.labels.len() > LABELS_MAX {
            return Err(InvalidRequest::TooManyLabels);
        }
        match self.labels.iter().find(|(name, value)| !is_label(name, false) || !is_label(value, true)) {
            Some((name, value)) => Err(InvalidRequest::Label(format!("{name}={value}"))),
            None => Ok(()),
        }
    }

    fn check_output_files(&self) -> Result<(), InvalidRequest> {
        if self.output_files.len() > OUTPUT_FILES_MAX {
            return Err(InvalidRequest::TooManyOutputFiles);
        }
        match self.output_files.iter().find(|name| !is_inside(name)) {
            Some(name) => Err(InvalidRequest::OutputFile(name.clone())),
            None => Ok(()),
        }
    }
}

const BYTES: &str = "bytes";
const ITEMS: &str = "items";

const fn bound(what: &'static str, size: usize, most: usize, unit: &'static str) -> Result<(), InvalidRequest> {
    if size > most { Err(InvalidRequest::TooLong { what, most, unit }) } else { Ok(()) }
}

fn longest<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    texts.into_iter().map(String::len).max().unwrap_or_default()
}

/// Whether a text is a URL of the web, as far as that is seen without reading all of it.
fn is_web_url(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    url.len() <= 2048 && host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
}

/// Whether a text is a name or, where it may be empty, a value of a label: as in Kubernetes, without a prefix.
#[must_use]
pub fn is_label(text: &str, may_be_empty: bool) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return may_be_empty };
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().all(inner)
}

/// Whether a name stays in the work folder.
fn is_inside(name: &str) -> bool {
    name.len() <= 255 && !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
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
        if !is_inside(&file.name) {
            return Err(InvalidRequest::FileName(file.name.clone()));
        }
        // Compilers are given all files, some by scripts that look for them; the main one is an argument in most languages.
        let signs: &[char] = if index == 0 { &['-', '+', '@'] } else { &['-'] };
        if file.name.starts_with(signs) {
            return Err(InvalidRequest::LikeAnOption(file.name.clone()));
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
    use crate::cases::CASES_MAX;
    use crate::{CaseInput, Checker, TestCase};

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
    fn names_that_a_command_takes_for_an_option_are_refused() {
        for names in [&["-x.py"][..], &["-"], &["-c/x.py"], &["@x.c"], &["+x.sh"], &["main.c", "-x.c"]] {
            let refused = InvalidRequest::LikeAnOption((*names.last().expect("a name")).into());
            assert_eq!(with_files(names).sources("m"), Err(refused), "{names:?}");
        }
        assert!(with_files(&["a-x.py", "src/-x.py", "@app/x.ts", "+x"]).sources("m").is_ok());
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

    fn with_tests(tests: Vec<TestCase>) -> RunRequest {
        RunRequest { code: Some(String::new()), args: vec!["a".into()], tests, ..RunRequest::default() }
    }

    #[test]
    fn a_case_has_the_arguments_of_the_run_unless_it_has_its_own() {
        let own = TestCase { args: Some(vec!["b".into()]), stdin: "2".into(), ..TestCase::default() };
        let request = with_tests(vec![TestCase::default(), own]);
        assert!(request.sources("m").is_ok());
        let input = |stdin: &str, argument: &str| CaseInput { stdin: stdin.into(), args: vec![argument.into()] };
        assert_eq!(request.case_inputs(), [input("", "a"), input("2", "b")]);
    }

    #[test]
    fn tests_that_can_not_be_are_refused() {
        let test = TestCase::default;
        let refused = |request: RunRequest| request.sources("m").expect_err("it can't be");
        assert_eq!(refused(with_tests(vec![test(); CASES_MAX + 1])), InvalidRequest::TooManyTests);
        let beside = [
            RunRequest { stdin: "x".into(), ..with_tests(vec![test()]) },
            RunRequest { interactive: true, ..with_tests(vec![test()]) },
            RunRequest { output_files: vec!["*".into()], ..with_tests(vec![test()]) },
        ];
        for (request, name) in beside.into_iter().zip(["stdin", "interactive", "outputFiles"]) {
            assert!(matches!(refused(request), InvalidRequest::BesideTests { field, .. } if field == name), "{name}");
        }
        for (checker, tolerance, error) in [
            (Checker::Float, f64::NAN, InvalidRequest::Tolerance),
            (Checker::Float, -1.0, InvalidRequest::Tolerance),
            (Checker::Tokens, 0.1, InvalidRequest::ToleranceWithoutFloat),
        ] {
            let odd = TestCase { checker, tolerance: Some(tolerance), ..test() };
            assert_eq!(refused(with_tests(vec![odd])), error);
        }
    }

    #[test]
    fn what_a_code_run_has_no_room_for_is_refused() {
        let with_test = |change: fn(&mut TestCase)| {
            let mut test = TestCase::default();
            change(&mut test);
            with_tests(vec![test])
        };
        let text = |length| "x".repeat(length);
        let request = |change: &dyn Fn(&mut RunRequest)| {
            let mut request = RunRequest { code: Some(String::new()), ..RunRequest::default() };
            change(&mut request);
            request
        };
        let variable = |name: usize, value: usize| EnvVar { name: text(name), value: text(value) };
        assert_eq!(request(&|_| ()).check_sizes(), Ok(()));
        assert_eq!(request(&|request| request.args = vec![text(4096); 128]).check_sizes(), Ok(()));
        for (too_long, what) in [
            (request(&|request| request.language = text(97)), "language"),
            (request(&|request| request.stdin = text((256 << 10) + 1)), "stdin"),
            (request(&|request| request.args = vec![String::new(); 129]), "args"),
            (request(&|request| request.args = vec![text(4097)]), "an item of args"),
            (request(&|request| request.env = vec![variable(1, 0); 129]), "env"),
            (request(&|request| request.env = vec![variable(257, 0)]), "env.name"),
            (request(&|request| request.env = vec![variable(1, (32 << 10) + 1)]), "env.value"),
            (request(&|request| request.compile_args = vec![String::new(); 65]), "compileArgs"),
            (with_test(|test| test.name = Some("x".repeat(129))), "tests.name"),
            (with_test(|test| test.expected_stdout = Some("x".repeat((256 << 10) + 1))), "tests.expectedStdout"),
            (with_test(|test| test.args = Some(vec![String::new(); 129])), "tests.args"),
        ] {
            let refused = too_long.check_sizes().expect_err(what);
            assert!(matches!(refused, InvalidRequest::TooLong { what: named, .. } if named == what), "{refused}");
        }
        let half = || TestCase { stdin: text(200 << 10), ..TestCase::default() };
        assert_eq!(with_tests(vec![half(), half(), half()]).check_sizes(), Err(InvalidRequest::TooMuchText));
    }

    #[test]
    fn labels_and_callbacks_are_what_a_cluster_and_the_web_take() {
        let with = |name: &str, value: &str| RunRequest {
            code: Some(String::new()),
            labels: [(name.to_owned(), value.to_owned())].into(),
            ..RunRequest::default()
        };
        for (name, value) in [("team", "a"), ("a.b-c_d", ""), ("x", &"v".repeat(63))] {
            assert!(with(name, value).sources("m").is_ok(), "{name}={value}");
        }
        for (name, value) in [("", "a"), ("locus.dev/client", "a"), ("a-", "b"), ("a", "b c"), ("a", &"v".repeat(64))] {
            assert!(matches!(with(name, value).sources("m"), Err(InvalidRequest::Label(_))), "{name}={value}");
        }
        for (url, is_taken) in [("https://a.example/x", true), ("ftp://a", false), ("http://", false), ("x", false)] {
            let request = RunRequest { callback: Some(url.into()), ..with("a", "b") };
            assert_eq!(request.sources("m").is_ok(), is_taken, "{url}");
        }
    }

    #[test]
    fn output_files_stay_in_the_work_folder() {
        let with = |name: &str| RunRequest {
            code: Some(String::new()),
            output_files: vec![name.into()],
            ..RunRequest::default()
        };
        for name in ["/etc/passwd", "../a", "a//b", ""] {
            assert_eq!(with(name).sources("m"), Err(InvalidRequest::OutputFile(name.into())), "{name:?}");
        }
        for name in ["plot.png", "*.svg", "out/**/*.csv"] {
            assert!(with(name).sources("m").is_ok(), "{name}");
        }
    }
}
