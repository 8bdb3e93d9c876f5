//! What a submission asks for, checked in Judge0's order and refused in its words.

use locus_core::SourceFile;
use serde::{Deserialize, Serialize, Serializer};

use super::params::Params;
use super::{archive, base64, casts, config, languages};
use crate::backend::LanguageInfo;

/// A submission that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The language that its number means.
    pub language: LanguageInfo,
    /// The program.
    pub source: Vec<u8>,
    /// What it reads.
    pub stdin: Option<String>,
    /// What it is to print.
    pub expected_output: Option<String>,
    /// The files beside the program.
    pub files: Vec<SourceFile>,
    /// Who is told of its end.
    pub callback_url: Option<String>,
    /// All that a run has no place for.
    pub attributes: Attributes,
}

/// What is said of a submission again and is no part of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// The number of the language, as it was given.
    pub language_id: i64,
    /// Whether there was input, be it empty.
    pub has_stdin: bool,
    /// Whether there was an archive, be it empty.
    pub has_files: bool,
    /// Arguments of the compiler, as they were given.
    pub compiler_options: Option<String>,
    /// Arguments of the program, as they were given.
    pub command_line_arguments: Option<String>,
    /// How often it is run.
    pub number_of_runs: i64,
    /// Seconds of cpu time; 0 for no limit.
    pub cpu_time_limit: f64,
    /// Seconds beyond them until it is stopped.
    pub cpu_extra_time: f64,
    /// Seconds of wall-clock time.
    pub wall_time_limit: f64,
    /// Kilobytes of memory.
    pub memory_limit: i64,
    /// Kilobytes of stack.
    pub stack_limit: i64,
    /// Processes and threads.
    pub max_processes_and_or_threads: i64,
    /// Kilobytes of the largest file; 0 for no limit.
    pub max_file_size: i64,
    /// Whether both streams are one.
    pub redirect_stderr_to_stdout: bool,
}

/// What is wrong with a submission: sentences by the names of its parts, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors(Vec<(&'static str, Vec<String>)>);

impl Errors {
    /// One that is wrong with one part.
    pub fn of(name: &'static str, error: impl Into<String>) -> Self {
        Self(vec![(name, vec![error.into()])])
    }

    fn add(&mut self, name: &'static str, error: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, errors)) => errors.push(error.into()),
            None => self.0.push((name, vec![error.into()])),
        }
    }
}

impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, errors)| (name, errors)))
    }
}

/// What a number is to be at the least.
#[derive(Debug, Clone, Copy)]
enum Least {
    Above(i32),
    From(i32),
}

struct Reader<'a> {
    params: &'a Params,
    is_base64: bool,
    errors: Errors,
}

/// Reads what a submission asks for.
///
/// # Errors
/// All that is wrong with it.
pub fn read(params: &Params, is_base64: bool, known: &[LanguageInfo]) -> Result<Submission, Errors> {
    let mut reader = Reader { params, is_base64, errors: Errors::default() };
    let source = reader.bytes("source_code").unwrap_or_default();
    if source.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b'\x0b') {
        reader.errors.add("source_code", BLANK);
    }
    let language_id = params.get("language_id").and_then(casts::integer);
    if language_id.is_none() {
        reader.errors.add("language_id", BLANK);
    }
    let language = language_id.and_then(|id| languages::find(known, id));
    let defaults = Defaults::of(language);
    let attributes = Attributes {
        language_id: language_id.unwrap_or_default(),
        has_stdin: false,
        has_files: false,
        number_of_runs: reader.whole("number_of_runs", config::RUNS, Least::Above(0), config::RUNS_MAX),
        cpu_time_limit: reader.decimal("cpu_time_limit", config::CPU_TIME, Least::From(0), config::cpu_time_max()),
        cpu_extra_time: reader.decimal(
            "cpu_extra_time",
            config::CPU_EXTRA_TIME,
            Least::From(0),
            config::CPU_EXTRA_TIME_MAX,
        ),
        wall_time_limit: reader.decimal("wall_time_limit", config::WALL_TIME, Least::From(1), config::wall_time_max()),
        memory_limit: reader.whole("memory_limit", defaults.memory, Least::From(2048), config::memory_max()),
        stack_limit: reader.whole("stack_limit", config::STACK, Least::From(0), config::STACK_MAX),
        max_processes_and_or_threads: reader.whole(
            "max_processes_and_or_threads",
            defaults.processes,
            Least::Above(0),
            config::processes_max(),
        ),
        max_file_size: {
            reader.never("enable_per_process_and_thread_time_limit");
            reader.never("enable_per_process_and_thread_memory_limit");
            reader.whole("max_file_size", defaults.file_size, Least::From(0), config::file_size_max())
        },
        compiler_options: reader.options("compiler_options"),
        command_line_arguments: reader.options("command_line_arguments"),
        redirect_stderr_to_stdout: reader.boolean("redirect_stderr_to_stdout"),
    };
    let Some(language) = language else {
        let id = language_id.map(|id| id.to_string()).unwrap_or_default();
        reader.errors.add("language_id", languages::unknown(&id));
        reader.rest(None, &attributes);
        return Err(reader.errors);
    };
    let Rest { stdin, expected_output, files, callback_url } = reader.rest(Some(language), &attributes);
    if !reader.errors.0.is_empty() {
        return Err(reader.errors);
    }
    let attributes =
        Attributes { has_stdin: stdin.is_some(), has_files: reader.is_given("additional_files"), ..attributes };
    Ok(Submission { language: language.clone(), source, stdin, expected_output, files, callback_url, attributes })
}

const BLANK: &str = "can't be blank";

/// What is read last.
struct Rest {
    stdin: Option<String>,
    expected_output: Option<String>,
    files: Vec<SourceFile>,
    callback_url: Option<String>,
}

/// Judge0's defaults, and more where a language would not start with them.
struct Defaults {
    memory: i64,
    processes: i64,
    file_size: i64,
}

impl Defaults {
    fn of(language: Option<&LanguageInfo>) -> Self {
        let limits = language.map(|language| language.limits).unwrap_or_default();
        let kilobytes = |bytes: Option<u64>| i64::try_from(bytes.unwrap_or_default() >> 10).unwrap_or(i64::MAX);
        Self {
            memory: kilobytes(limits.memory_bytes).max(config::MEMORY),
            processes: i64::from(limits.processes.unwrap_or_default()).max(config::PROCESSES),
            file_size: kilobytes(limits.file_bytes).max(config::FILE_SIZE),
        }
    }
}

impl Reader<'_> {
    fn is_given(&self, name: &str) -> bool {
        self.params.get(name).and_then(casts::text).is_some()
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let text = self.params.get(name).and_then(casts::text)?;
        Some(if self.is_base64 { base64::decode(&text) } else { text.into_bytes() })
    }

    /// What a run holds as text. Judge0 takes other bytes too.
    fn utf8(&mut self, name: &'static str) -> Option<String> {
        let read = String::from_utf8(self.bytes(name)?);
        read.map_err(|_| self.errors.add(name, "must be UTF-8 on this server")).ok()
    }

    fn boolean(&self, name: &str) -> bool {
        self.params.get(name).and_then(casts::boolean).unwrap_or_default()
    }

    fn decimal(&mut self, name: &'static str, default: f64, least: Least, most: f64) -> f64 {
        self.number(name, default, least, most, &format!("{most:?}"))
    }

    fn whole(&mut self, name: &'static str, default: i64, least: Least, most: i64) -> i64 {
        let most_number = i32::try_from(most).map_or(f64::MAX, f64::from);
        let value = self.params.get(name);
        if casts::is_absent(value) {
            return default;
        }
        casts::whole(self.number(name, 0.0, least, most_number, &most.to_string()))
    }

    fn number(&mut self, name: &'static str, default: f64, least: Least, most: f64, most_text: &str) -> f64 {
        let value = self.params.get(name);
        let Some(given) = value.filter(|value| !casts::is_absent(Some(value))) else { return default };
        let Some(number) = casts::number(given) else {
            self.errors.add(name, "is not a number");
            return default;
        };
        match least {
            Least::Above(least) if number.floor() <= f64::from(least) => {
                self.errors.add(name, format!("must be greater than {least}"));
            }
            Least::From(least) if number < f64::from(least) => {
                self.errors.add(name, format!("must be greater than or equal to {least}"));
            }
            _ => {}
        }
        if number > most {
            self.errors.add(name, format!("must be less than or equal to {most_text}"));
        }
        number
    }

    /// A switch that no submission may turn on.
    fn never(&mut self, name: &'static str) {
        if self.boolean(name) {
            self.errors.add(name, "this option cannot be enabled");
        }
    }

    fn options(&mut self, name: &'static str) -> Option<String> {
        let text = self.params.get(name).and_then(casts::text)?;
        if text.chars().count() > config::OPTIONS_MAX {
            self.errors.add(name, format!("is too long (maximum is {} characters)", config::OPTIONS_MAX));
        }
        Some(text)
    }

    fn rest(&mut self, language: Option<&LanguageInfo>, attributes: &Attributes) -> Rest {
        let options = attributes.compiler_options.as_deref().unwrap_or_default();
        if !options.trim().is_empty() && language.is_some_and(|language| !language.compiles) {
            self.errors.add("compiler_options", "setting compiler options is only allowed for compiled languages");
        }
        let callback_url = self.params.get("callback_url").and_then(casts::text);
        let archive = self.params.get("additional_files").and_then(casts::text).map(|text| base64::decode(&text));
        let files = match archive.filter(|archive| !archive.is_empty()).map(|archive| archive::unpack(&archive)) {
            Some(Ok(files)) => files,
            Some(Err(error)) => {
                self.errors.add("additional_files", error.to_string());
                Vec::new()
            }
            None => Vec::new(),
        };
        if self.boolean("enable_network") {
            self.errors.add("enable_network", "enabling network is not allowed");
        }
        Rest {
            stdin: self.utf8("stdin"),
            expected_output: self.utf8("expected_output"),
            files,
            callback_url: callback_url.filter(|url| !url.trim().is_empty()),
        }
    }
}

/// Those of a submission that asks for nothing.
#[cfg(test)]
pub fn attributes() -> Attributes {
    Attributes {
        language_id: 71,
        has_stdin: false,
        has_files: false,
        compiler_options: None,
        command_line_arguments: None,
        number_of_runs: config::RUNS,
        cpu_time_limit: config::CPU_TIME,
        cpu_extra_time: config::CPU_EXTRA_TIME,
        wall_time_limit: config::WALL_TIME,
        memory_limit: config::MEMORY,
        stack_limit: config::STACK,
        max_processes_and_or_threads: config::PROCESSES,
        max_file_size: config::FILE_SIZE,
        redirect_stderr_to_stdout: false,
    }
}
