//! What a client of Piston asks to run, checked in Piston's order and refused in its words.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use locus_core::request::FILES_MAX;
use locus_core::{Encoding, InvalidRequest, Limits, LimitsRequest, RunRequest, Seconds, SourceFile};
use serde_json::Value;

use super::js;
use super::refusal::Refusal;
use super::runtimes::{Runtime, newest};
use crate::body;

/// Milliseconds that the program has where nobody says.
const RUN_MILLIS: f64 = 3000.0;

/// A request that can be run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The language that was meant.
    pub runtime: Runtime,
    /// The run.
    pub request: RunRequest,
}

/// How a file's content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Utf8,
    Base64,
    Hex,
}

impl Job {
    /// Reads a request. What an interactive run reads is sent to it later.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(body: &Value, runtimes: Vec<Runtime>, interactive: bool) -> Result<Self, Refusal> {
        let invalid = |message: String| Err(Refusal::Invalid(message));
        let Some(language) = given_text(body, "language") else {
            return invalid("language is required as a string".to_owned());
        };
        let Some(version) = given_text(body, "version") else {
            return invalid("version is required as a string".to_owned());
        };
        let Some(files) = body.get("files").and_then(Value::as_array) else {
            return invalid("files is required as an array".to_owned());
        };
        for (index, file) in files.iter().enumerate() {
            if file.is_null() {
                return Err(Refusal::Thrown("Cannot read property 'content' of null".to_owned()));
            }
            if !file.get("content").is_some_and(Value::is_string) {
                return invalid(format!("files[{index}].content is required as a string"));
            }
        }
        let Some(runtime) = newest(runtimes, language, version) else {
            return invalid(format!("{language}-{version} runtime is unknown"));
        };
        let is_plain = |file: &Value| match file.get("encoding") {
            Some(encoding) => !js::is_truthy(encoding) || encoding == "utf8",
            None => true,
        };
        if !files.iter().any(is_plain) {
            return invalid("files must include at least one utf8 encoded file".to_owned());
        }
        check_limits(body)?;
        let (limits, compile_limits) = (limits(body, "run", Some(RUN_MILLIS)), limits(body, "compile", None));
        let stdin = if interactive { String::new() } else { stdin(body.get("stdin"))? };
        let (files, args) = (sources(files, &runtime)?, arguments(body.get("args"))?);
        let language = runtime.info.selector.clone();
        let request =
            RunRequest { language, files, args, stdin, limits, compile_limits, interactive, ..RunRequest::default() };
        body::check(&request)?;
        Ok(Self { runtime, request })
    }
}

fn given_text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Every program of Piston reads a line at least.
fn stdin(given: Option<&Value>) -> Result<String, Refusal> {
    let mut text = match given {
        None | Some(Value::Null) => String::new(),
        Some(text @ (Value::String(_) | Value::Array(_))) => js::text(text),
        Some(_) => return Err(Refusal::Thrown("this.stdin.slice is not a function".to_owned())),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn arguments(given: Option<&Value>) -> Result<Vec<String>, Refusal> {
    match given {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.iter().map(js::text).collect()),
        Some(Value::String(text)) => Ok(text.chars().map(String::from).collect()),
        Some(_) => Err(Refusal::Broken("this.args is not iterable".to_owned())),
    }
}

/// The files as they are written here: the first one that is text is the main one, and of two that have one name the later
/// one stays. A main file without a name has the language's own, which an interpreter that waits for a run looks for.
fn sources(files: &[Value], runtime: &Runtime) -> Result<Vec<SourceFile>, Refusal> {
    // Each one is looked for among the others.
    if files.len() > FILES_MAX {
        return Err(Refusal::Invalid(InvalidRequest::TooManyFiles.to_string()));
    }
    let own = &runtime.info.file_name;
    let is_free = !files.iter().any(|file| file.get("name").is_some_and(|name| name == own));
    let mut sources: Vec<SourceFile> = Vec::new();
    let mut main = None;
    for (index, file) in files.iter().enumerate() {
        let written = match file.get("encoding").and_then(Value::as_str) {
            Some("base64") => Written::Base64,
            Some("hex") => Written::Hex,
            _ => Written::Utf8,
        };
        let is_main = main.is_none() && written == Written::Utf8;
        let name = match file.get("name").filter(|name| js::is_truthy(name)) {
            None if is_main && is_free => own.clone(),
            given => name(given, index, is_main, runtime)?,
        };
        let (content, encoding) = content(file["content"].as_str().unwrap_or_default(), written);
        match sources.iter_mut().find(|source| source.name == name) {
            Some(source) => (source.content, source.encoding) = (content, encoding),
            None => sources.push(SourceFile { name: name.clone(), content, encoding }),
        }
        if is_main {
            main = sources.iter().position(|source| source.name == name);
        }
    }
    if let Some(main) = main {
        sources[..=main].rotate_right(1);
    }
    Ok(sources)
}

/// The name of a file below the work folder. Compilers go by the ending of the main one's, which Piston adds to it.
fn name(given: Option<&Value>, index: usize, is_main: bool, runtime: &Runtime) -> Result<String, Refusal> {
    let info = &runtime.info;
    let ending = info.file_name.rfind('.').map_or("", |dot| &info.file_name[dot..]);
    let name = match given {
        Some(Value::String(name)) => below(name)?,
        Some(other) => {
            let kind = if other.is_array() || other.is_object() { "object" } else { "other" };
            return Err(Refusal::Broken(format!("The \"path\" argument must be of type string. Received {kind}")));
        }
        None => format!("file{index}.code"),
    };
    let lacks_ending = is_main && info.compiles && !name.ends_with(ending);
    Ok(if lacks_ending { name + ending } else { name })
}

/// A path without parts that say nothing or lead back.
fn below(name: &str) -> Result<String, Refusal> {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    if path.starts_with("..") {
        let message = format!("File path \"{name}\" tries to escape parent directory: {path}");
        return Err(Refusal::Broken(message));
    }
    if path.is_empty() {
        return Err(Refusal::Broken("EISDIR: illegal operation on a directory, open 'submission'".to_owned()));
    }
    Ok(path)
}

/// Content as it is kept here.
fn content(text: &str, written: Written) -> (String, Encoding) {
    match written {
        Written::Utf8 => (text.to_owned(), Encoding::Utf8),
        Written::Base64 => Encoding::of(base64(text)),
        Written::Hex => Encoding::of(hex(text)),
    }
}

/// The bytes of base64 of either alphabet. What belongs to neither is passed over, and the padding ends it.
fn base64(text: &str) -> Vec<u8> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let plain: String = text
        .chars()
        .take_while(|c| *c != '=')
        .filter_map(|c| match c {
            '-' => Some('+'),
            '_' => Some('/'),
            c if c.is_ascii_alphanumeric() || matches!(c, '+' | '/') => Some(c),
            _ => None,
        })
        .collect();
    // One character alone is less than a byte.
    let whole = if plain.len() % 4 == 1 { &plain[..plain.len() - 1] } else { &plain };
    GeneralPurpose::new(&STANDARD, config).decode(whole).unwrap_or_default()
}

/// The bytes of hexadecimal digits, as far as there are pairs of them.
fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map_while(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()).collect()
}

/// Refuses limits that exceed those of every run, and what is no number.
fn check_limits(body: &Value) -> Result<(), Refusal> {
    let time = |seconds: Seconds| seconds.as_f64() * 1000.0;
    let most = Limits::MAXIMUM;
    #[allow(clippy::cast_precision_loss, reason = "it is far below 2^52")]
    let memory = most.memory_bytes as f64;
    for (constraint, most) in
        [("memory_limit", memory), ("timeout", time(most.timeout_seconds)), ("cpu_time", time(most.cpu_seconds))]
    {
        for step in ["compile", "run"] {
            let name = format!("{step}_{constraint}");
            check(body, &name, most, constraint == "memory_limit")?;
        }
    }
    Ok(())
}

/// The limits of a step.
fn limits(body: &Value, step: &str, default: Option<f64>) -> LimitsRequest {
    LimitsRequest {
        timeout_seconds: seconds(body, &format!("{step}_timeout"), default),
        cpu_seconds: seconds(body, &format!("{step}_cpu_time"), None),
        memory_bytes: bytes(body, &format!("{step}_memory_limit")),
        ..LimitsRequest::default()
    }
}

/// Memory below nothing is any amount of it, as in the example of Piston's own documents.
fn check(body: &Value, name: &str, most: f64, may_be_negative: bool) -> Result<(), Refusal> {
    let Some(value) = body.get(name).filter(|value| js::is_truthy(value)) else { return Ok(()) };
    let Some(number) = value.as_f64().filter(|_| value.is_number()) else {
        return Err(Refusal::Invalid(format!("If specified, {name} must be a number")));
    };
    if number > most {
        return Err(Refusal::Invalid(format!("{name} cannot exceed the configured limit of {most}")));
    }
    if number < 0.0 && !may_be_negative {
        return Err(Refusal::Invalid(format!("{name} must be non-negative")));
    }
    Ok(())
}

/// The time of a step: none is the default, and 0 any amount.
fn seconds(body: &Value, name: &str, default: Option<f64>) -> Option<Seconds> {
    let millis = match body.get(name) {
        None | Some(Value::Null) => default?,
        Some(value) => match value.as_f64().filter(|millis| *millis > 0.0) {
            Some(millis) => millis,
            None => return Some(Seconds::MAX),
        },
    };
    Seconds::from_f64(millis / 1000.0)
}

/// The memory of a step: none, and any amount, is what the language has.
fn bytes(body: &Value, name: &str) -> Option<u64> {
    let bytes = body.get(name).and_then(Value::as_f64).filter(|bytes| *bytes >= 1.0)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 1 to the most there is")]
    let bytes = bytes as u64;
    Some(bytes)
}
