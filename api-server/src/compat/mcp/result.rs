//! A run as the answer of a tool.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use locus_core::{Encoding, FileLeft, Outcome, OutputFile, Run};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde::Serialize;

use super::tools::{Compiler, FileFound, FileMissing, Ran};
use crate::execute::text;

/// The most bytes of each stream, of each one of a compiler, and of all files, as they stand in JSON: clients refuse a message
/// of more than 1 MiB, and streams stand in one twice.
const STREAM_BYTES_MAX: usize = 128 << 10;
const COMPILER_BYTES_MAX: usize = 32 << 10;
const FILES_BYTES_MAX: usize = 320 << 10;

/// The images that models see; one of another kind, such as SVG, is a file like any other.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The answer for a run: an error only where it is the platform's, or the request could not be run.
pub fn of(mut run: Run) -> CallToolResult {
    if let Some(outcome) = run.outcome
        && (outcome.is_platform_failure() || matches!(outcome, Outcome::UnknownLanguage | Outcome::InvalidRequest))
    {
        return CallToolResult::error(vec![ContentBlock::text(run.error)]);
    }
    let files = files(&mut run);
    let ran = ran(run);
    let content = [vec![ContentBlock::text(told(&ran))], files].concat();
    with(content, &ran)
}

/// An answer with content for people and models, and the same as data.
pub fn with<T: Serialize>(content: Vec<ContentBlock>, data: &T) -> CallToolResult {
    let mut result = CallToolResult::success(content);
    result.structured_content = serde_json::to_value(data).ok();
    result
}

fn ran(run: Run) -> Ran {
    let compiler = run.compile.filter(|compile| !compile.stdout.is_empty() || !compile.stderr.is_empty());
    let compiler = compiler.map(|compile| Compiler {
        stdout: within(compile.stdout, COMPILER_BYTES_MAX).0,
        stderr: within(compile.stderr, COMPILER_BYTES_MAX).0,
    });
    let (stdout, is_stdout_cut) = within(text(run.stdout, run.stdout_base64), STREAM_BYTES_MAX);
    let (stderr, is_stderr_cut) = within(text(run.stderr, run.stderr_base64), STREAM_BYTES_MAX);
    Ran {
        outcome: run.outcome,
        stdout,
        stderr,
        error: run.error,
        exit_code: run.exit_code,
        signal: run.signal,
        stdout_truncated: run.stdout_truncated || is_stdout_cut,
        stderr_truncated: run.stderr_truncated || is_stderr_cut,
        compiler,
        files: run
            .files
            .into_iter()
            .map(|OutputFile { name, size, media_type, .. }| FileFound { name, media_type, size })
            .collect(),
        files_missing: run.files_left.into_iter().map(|left| FileMissing { name: left.name, why: left.why }).collect(),
        wall_seconds: run.usage.map(|usage| usage.wall_seconds),
    }
}

/// The head of a text that has so many bytes in JSON at the most, and whether that is not all of it.
fn within(mut text: String, most: usize) -> (String, bool) {
    let mut room = most;
    let mut fits = |c: char| {
        let width = match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\x08' | '\x0c' => 2,
            '\0'..='\x1f' => 6,
            _ => c.len_utf8(),
        };
        room.checked_sub(width).map(|rest| room = rest).is_some()
    };
    let cut = text.char_indices().find(|(_, c)| !fits(*c)).map(|(at, _)| at);
    if let Some(at) = cut {
        text.truncate(at);
    }
    (text, cut.is_some())
}

/// The files of a run that an answer has room for; those that it has not are told as missing.
fn files(run: &mut Run) -> Vec<ContentBlock> {
    let mut room = FILES_BYTES_MAX;
    let mut blocks = Vec::new();
    for file in std::mem::take(&mut run.files) {
        let block = content(&file);
        let size = serde_json::to_vec(&block).map_or(usize::MAX, |json| json.len());
        if let Some(rest) = room.checked_sub(size) {
            room = rest;
            blocks.push(block);
            run.files.push(file);
        } else {
            let why = format!("all files of an answer are at most {} KiB", FILES_BYTES_MAX >> 10);
            run.files_left.push(FileLeft { name: file.name, why });
        }
    }
    blocks
}

/// A run in words: each part that there is, under its name.
fn told(ran: &Ran) -> String {
    let mut told = String::new();
    let mut part = |name: &str, text: &str| {
        if !text.is_empty() {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            // Writing to a string does not fail.
            let _ = write!(told, "{name}:\n{text}{end}");
        }
    };
    if let Some(Compiler { stdout, stderr }) = &ran.compiler {
        part("compiler", &format!("{stdout}{stderr}"));
    }
    part("stdout", &ran.stdout);
    part("stderr", &ran.stderr);
    part("error", &ran.error);
    for FileMissing { name, why } in &ran.files_missing {
        part("missing file", &format!("{name}: {why}"));
    }
    let outcome = ran.outcome.map_or("None", Outcome::as_str);
    match (ran.exit_code, &ran.signal) {
        (Some(code), _) => told + &format!("outcome: {outcome}, exit code {code}"),
        (None, Some(signal)) => told + &format!("outcome: {outcome}, signal {signal}"),
        (None, None) => told + &format!("outcome: {outcome}"),
    }
}

/// A file in the form that clients show it in: an image as one, all else as a resource.
fn content(file: &OutputFile) -> ContentBlock {
    let base64 = || match file.encoding {
        Encoding::Base64 => file.content.clone(),
        Encoding::Utf8 => STANDARD.encode(&file.content),
    };
    if IMAGES.contains(&file.media_type.as_str()) {
        return ContentBlock::image(base64(), &file.media_type);
    }
    let uri = format!("file:///work/{}", file.name);
    let contents = match file.encoding {
        Encoding::Utf8 => ResourceContents::text(&file.content, uri),
        Encoding::Base64 => ResourceContents::blob(base64(), uri),
    };
    ContentBlock::resource(contents.with_mime_type(&file.media_type))
}

#[cfg(test)]
mod tests {
    use locus_core::{CompileResult, Outcome, OutputFile, Run, RunResult};
    use serde_json::{Value, json};

    fn answer(run: Run, outcome: Outcome, error: &str) -> Value {
        let result = RunResult { outcome, error: error.into(), ..RunResult::failed(outcome, error) };
        serde_json::to_value(super::of(run.ended(result))).expect("it serializes")
    }

    #[test]
    fn a_program_that_failed_is_an_answer() {
        let run = Run { stdout: Some("1\n".into()), stderr: Some("boom".into()), ..Run::default() };
        let answer = answer(run, Outcome::TimedOut, "it took too long");
        assert_eq!(answer["isError"], json!(false));
        assert_eq!(
            answer["content"][0]["text"],
            "stdout:\n1\nstderr:\nboom\nerror:\nit took too long\noutcome: TimedOut"
        );
        assert_eq!(answer["structuredContent"]["outcome"], "TimedOut");
        assert_eq!(answer["structuredContent"]["stdout"], "1\n");
    }

    #[test]
    fn a_platform_that_failed_is_an_error() {
        for outcome in [Outcome::ImagePullFailed, Outcome::UnknownLanguage] {
            let answer = answer(Run::default(), outcome, "no image");
            assert_eq!((&answer["isError"], &answer["content"][0]["text"]), (&json!(true), &json!("no image")));
        }
    }

    #[test]
    fn images_are_shown_and_other_files_are_resources() {
        let file = |name: &str, bytes: &[u8], kind: &str| OutputFile::new(name.into(), bytes.to_vec(), kind.into());
        let files = vec![
            file("a.png", b"\x89P", "image/png"),
            file("b.svg", b"<svg/>", "image/svg+xml"),
            file("c.csv", b"1,2", "text/csv"),
            file("d.bin", b"\xff", "application/octet-stream"),
        ];
        let answer = answer(Run { files, ..Run::default() }, Outcome::Completed, "");
        let content = answer["content"].as_array().expect("a list");
        assert_eq!(content[1], json!({"type": "image", "data": "iVA=", "mimeType": "image/png"}));
        assert_eq!(content[2]["resource"]["text"], "<svg/>");
        assert_eq!(content[3]["resource"], json!({"uri": "file:///work/c.csv", "mimeType": "text/csv", "text": "1,2"}));
        assert_eq!(content[4]["resource"]["blob"], "/w==");
        assert_eq!(
            answer["structuredContent"]["files"][0],
            json!({"name": "a.png", "mediaType": "image/png", "size": 2})
        );
    }

    #[test]
    fn an_answer_is_at_most_a_mebibyte_whatever_stands_in_it() {
        let file = |name: &str| OutputFile::new(name.into(), vec![0xff; 200 << 10], "image/png".into());
        let nothing = Some("\0".repeat(128 << 10));
        let files = vec![file("a.png"), file("b.png")];
        let run = Run { stdout: nothing.clone(), stderr: nothing, files, ..Run::default() };
        let answer = answer(run, Outcome::Completed, "");
        assert!(answer.to_string().len() <= 1 << 20);
        let ran = &answer["structuredContent"];
        assert_eq!((&ran["stdoutTruncated"], &ran["stderrTruncated"]), (&json!(true), &json!(true)));
        assert_eq!((&ran["files"][0]["name"], &ran["filesMissing"][0]["name"]), (&json!("a.png"), &json!("b.png")));
        assert_eq!(answer["content"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_a_compiler_says_comes_first() {
        let run = Run::default();
        let compile = CompileResult { stdout: String::new(), stderr: "no ;".into(), exit_code: Some(1) };
        let result =
            RunResult { compile: Some(compile), ..RunResult::failed(Outcome::CompileFailed, "it does not compile") };
        let answer = serde_json::to_value(super::of(run.ended(result))).expect("it serializes");
        assert_eq!(
            answer["content"][0]["text"],
            "compiler:\nno ;\nerror:\nit does not compile\noutcome: CompileFailed"
        );
        assert_eq!(answer["structuredContent"]["compiler"]["stderr"], "no ;");
    }
}
