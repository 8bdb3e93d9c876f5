//! A submission as it is told: the parts that were asked for, as text or in base64.

use jiff::Timestamp;
use locus_core::{Encoding, Run, RunRequest, view};
use serde_json::{Value, json};

use super::answer::Ordered;
use super::end::{self, End};
use super::fields::Fields;
use super::submission::Attributes;
use super::{archive, base64, languages, run};
use crate::backend::{Asked, LanguageInfo};

/// A part is no text that JSON could hold. For Judge0 that is all that is not ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoText;

/// A submission, whatever has become of it.
#[derive(Debug)]
pub struct Told<'a> {
    run: &'a Run,
    request: &'a RunRequest,
    attributes: Attributes,
    end: End,
}

impl<'a> Told<'a> {
    /// The submission that a run is, if it is one.
    pub fn of(run: &'a Run, asked: &'a Asked) -> Option<Self> {
        let attributes = run::attributes(asked)?;
        let expected = asked.request.tests.first().and_then(|test| test.expected_stdout.as_deref());
        Some(Self { run, request: &asked.request, end: end::of(run, &attributes, expected), attributes })
    }

    /// The parts that were asked for.
    ///
    /// # Errors
    /// One of them is to be text and is none.
    pub fn parts(&self, fields: &Fields, is_base64: bool, known: &[LanguageInfo]) -> Result<Ordered, NoText> {
        let parts = fields.names().map(|name| Ok((name, self.part(name, is_base64, known)?)));
        parts.collect::<Result<_, _>>().map(Ordered)
    }

    fn part(&self, name: &str, is_base64: bool, known: &[LanguageInfo]) -> Result<Value, NoText> {
        let Self { run, request, attributes, end } = self;
        let text = |bytes: Option<&[u8]>| written(bytes, is_base64);
        Ok(match name {
            "source_code" => text(Some(&self.source()))?,
            "stdin" => text(self.stdin())?,
            "expected_output" => text(self.expected_output().map(str::as_bytes))?,
            "stdout" => text(end.stdout.as_deref())?,
            "stderr" => text(end.stderr.as_deref())?,
            "compile_output" => text(end.compile_output.as_deref().map(str::as_bytes))?,
            // It is text of the database there, and never refused.
            "message" if is_base64 => end.message.as_ref().map(|text| base64::encode(text.as_bytes())).into(),
            "message" => end.message.clone().into(),
            "additional_files" => {
                let files = request.files.get(1..).unwrap_or_default();
                attributes.has_files.then(|| base64::encode(&archive::pack(files))).into()
            }
            "language_id" => attributes.language_id.into(),
            "language" => languages::named(known, attributes.language_id),
            "status_id" => end.status.id.into(),
            "status" => end.status.json(),
            "created_at" => time(Some(&run.created_at)),
            "finished_at" => time(run.finished_at.as_deref()),
            "time" => decimal(end.time),
            "wall_time" => decimal(end.wall_time),
            "memory" => end.memory.into(),
            "exit_code" => end.exit_code.into(),
            "exit_signal" => end.exit_signal.into(),
            "token" => run::token(&run.id).into(),
            "number_of_runs" => attributes.number_of_runs.into(),
            "cpu_time_limit" => decimal(Some(attributes.cpu_time_limit)),
            "cpu_extra_time" => decimal(Some(attributes.cpu_extra_time)),
            "wall_time_limit" => decimal(Some(attributes.wall_time_limit)),
            "memory_limit" => attributes.memory_limit.into(),
            "stack_limit" => attributes.stack_limit.into(),
            "max_processes_and_or_threads" => attributes.max_processes_and_or_threads.into(),
            "max_file_size" => attributes.max_file_size.into(),
            "compiler_options" => attributes.compiler_options.clone().into(),
            "command_line_arguments" => attributes.command_line_arguments.clone().into(),
            "redirect_stderr_to_stdout" => attributes.redirect_stderr_to_stdout.into(),
            "callback_url" => request.callback.clone().into(),
            // What no submission may turn on.
            _ => false.into(),
        })
    }

    fn source(&self) -> Vec<u8> {
        let main = self.request.files.first();
        match (&self.request.code, main) {
            (Some(code), _) => code.clone().into_bytes(),
            (None, Some(file)) => {
                let base64 = (file.encoding == Encoding::Base64).then_some(file.content.as_str());
                view::bytes(Some(&file.content), base64).unwrap_or_default()
            }
            (None, None) => Vec::new(),
        }
    }

    fn stdin(&self) -> Option<&[u8]> {
        let stdin = self.request.tests.first().map_or(&self.request.stdin, |test| &test.stdin);
        self.attributes.has_stdin.then_some(stdin.as_bytes())
    }

    fn expected_output(&self) -> Option<&str> {
        self.request.tests.first()?.expected_stdout.as_deref()
    }
}

/// What is sent to the URL of a submission that has ended: the usual parts, in base64, perhaps without what was written.
#[must_use]
pub fn to_callback(run: &Run, asked: &Asked, is_whole: bool) -> Option<String> {
    let mut parts = Told::of(run, asked)?.parts(&Fields::default(), true, &[]).ok()?;
    for (name, value) in &mut parts.0 {
        if !is_whole && matches!(*name, "stdout" | "stderr" | "compile_output") {
            *value = Value::Null;
        }
    }
    serde_json::to_string(&parts).ok()
}

fn written(bytes: Option<&[u8]>, is_base64: bool) -> Result<Value, NoText> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    if is_base64 {
        return Ok(base64::encode(bytes).into());
    }
    if !bytes.is_ascii() {
        return Err(NoText);
    }
    Ok(String::from_utf8_lossy(bytes).into())
}

/// A number that is told as text, with a point.
fn decimal(number: Option<f64>) -> Value {
    number.map(|number| if number.fract() == 0.0 { format!("{number:.1}") } else { number.to_string() }).into()
}

/// A time to the millisecond.
fn time(time: Option<&str>) -> Value {
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    json!(time.map(|time| format!("{time:.3}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NoText, decimal, time, written};

    #[test]
    fn numbers_and_times_are_text_of_their_own_form() {
        for (number, text) in [(0.0, "0.0"), (5.0, "5.0"), (0.012, "0.012"), (1.5, "1.5"), (300.0, "300.0")] {
            assert_eq!(decimal(Some(number)), json!(text));
        }
        assert_eq!(decimal(None), json!(null));
        for (given, told) in [
            ("2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ] {
            assert_eq!(time(Some(given)), json!(told));
        }
        assert_eq!((time(None), time(Some("soon"))), (json!(null), json!(null)));
    }

    #[test]
    fn only_ascii_is_told_as_text() {
        assert_eq!(written(Some(b"a\n\0"), false), Ok(json!("a\n\0")));
        assert_eq!(written(Some("é".as_bytes()), false), Err(NoText));
        assert_eq!(written(Some("é".as_bytes()), true), Ok(json!("w6k=\n")));
        assert_eq!((written(None, false), written(Some(b""), true)), (Ok(json!(null)), Ok(json!(""))));
    }
}
