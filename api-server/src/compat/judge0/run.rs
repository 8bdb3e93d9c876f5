//! The run that a submission is.

use locus_core::request::CODE_BYTES_MAX;
use locus_core::{Checker, Encoding, InvalidRequest, Limits, LimitsRequest, RunRequest, Seconds, SourceFile, TestCase};
use serde::{Deserialize, Serialize};

use super::config;
use super::submission::{Attributes, Errors, Submission};
use crate::backend::{Asked, Client, Order};
use crate::taking::KEEP_SECONDS;

/// The label of runs that are submissions, so that they are found again among all others.
pub const LABEL: (&str, &str) = ("api", "judge0");
/// What begins the id of a run in front of the token of the submission.
const PREFIX: &str = "run-";
/// What a shell would understand, and Judge0 takes out of arguments for that.
const FOR_SHELLS: [char; 7] = ['$', '&', ';', '<', '>', '|', '`'];

/// The note of a run that is a submission. The name in front tells it from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    judge0: Attributes,
}

/// What a submission's run was asked for with; none if it is the run of another API.
pub fn attributes(asked: &Asked) -> Option<Attributes> {
    let note: Note = serde_json::from_str(asked.note.as_deref()?).ok()?;
    Some(note.judge0)
}

/// The token of a run's submission.
pub fn token(id: &str) -> &str {
    id.strip_prefix(PREFIX).unwrap_or(id)
}

/// The run of a token; none where no run has such a one.
pub fn id(token: &str) -> Option<String> {
    uuid::Uuid::try_parse(token).is_ok().then(|| format!("{PREFIX}{token}"))
}

/// The order of a submission.
///
/// # Errors
/// What a run has no room for.
pub fn order(submission: Submission, client: Client) -> Result<Order, Errors> {
    let note = Note { judge0: submission.attributes.clone() };
    let main = submission.language.file_name.clone();
    let request = request(submission);
    request.check_sizes().and_then(|()| request.sources(&main).map(drop)).map_err(|error| refused(&error))?;
    let note = serde_json::to_string(&note).map_err(|error| Errors::of("base", error.to_string()))?;
    Ok(Order { request, client, once: None, keep_seconds: KEEP_SECONDS, note: Some(note) })
}

fn request(submission: Submission) -> RunRequest {
    let Submission { language, source, stdin, expected_output, files, callback_url, attributes } = submission;
    let (content, encoding) = Encoding::of(source);
    let is_code = files.is_empty() && encoding == Encoding::Utf8 && content.len() <= CODE_BYTES_MAX;
    let (code, files) = if is_code {
        (Some(content), Vec::new())
    } else {
        // As an archive is unpacked beside the program: it replaces nothing.
        let beside = files.into_iter().filter(|file| file.name != language.file_name);
        let main = SourceFile { name: language.file_name.clone(), content, encoding };
        (None, std::iter::once(main).chain(beside).collect())
    };
    let stdin = stdin.unwrap_or_default();
    let is_judged = expected_output.is_some() || attributes.number_of_runs > 1;
    let case = TestCase {
        stdin: if is_judged { stdin.clone() } else { String::new() },
        expected_stdout: expected_output,
        checker: Checker::Trimmed,
        ..TestCase::default()
    };
    let count = usize::try_from(attributes.number_of_runs).unwrap_or(1);
    RunRequest {
        language: language.selector,
        code,
        files,
        args: arguments(attributes.command_line_arguments.as_deref()),
        compile_args: arguments(attributes.compiler_options.as_deref()),
        stdin: if is_judged { String::new() } else { stdin },
        tests: if is_judged { vec![case; count] } else { Vec::new() },
        limits: limits(&attributes),
        stderr_to_stdout: attributes.redirect_stderr_to_stdout,
        callback: callback_url,
        labels: [(LABEL.0.to_owned(), LABEL.1.to_owned())].into(),
        ..RunRequest::default()
    }
}

/// Words as a shell splits them, quotes and all; what it would do more is taken out, as Judge0 does.
fn arguments(text: Option<&str>) -> Vec<String> {
    let plain: String = text.unwrap_or_default().chars().filter(|c| !FOR_SHELLS.contains(c)).collect();
    shlex::split(&plain).unwrap_or_else(|| plain.split_whitespace().map(str::to_owned).collect())
}

fn limits(attributes: &Attributes) -> LimitsRequest {
    let Limits { cpu_seconds, file_bytes, output_bytes, .. } = Limits::MAXIMUM;
    let seconds = |seconds: f64| Seconds::from_f64(seconds).unwrap_or(Seconds::MAX);
    let bytes = |kilobytes: i64| u64::try_from(kilobytes).unwrap_or_default() << 10;
    let is_cpu_free = attributes.cpu_time_limit <= 0.0;
    let cpu = seconds(attributes.cpu_time_limit + attributes.cpu_extra_time);
    let file = if attributes.max_file_size == 0 { file_bytes } else { bytes(attributes.max_file_size) };
    LimitsRequest {
        timeout_seconds: Some(seconds(attributes.wall_time_limit)),
        cpu_seconds: Some(if is_cpu_free { cpu_seconds } else { cpu.min(cpu_seconds) }),
        memory_bytes: Some(bytes(attributes.memory_limit)),
        // There a stream is a file like others.
        output_bytes: Some(file.min(output_bytes)),
        processes: u32::try_from(attributes.max_processes_and_or_threads).ok(),
        file_bytes: Some(file),
    }
}

/// What a run has no room for, by the parts of a submission.
fn refused(error: &InvalidRequest) -> Errors {
    let what = match error {
        InvalidRequest::TooLong { what, .. } => what,
        _ => "",
    };
    let name = match (error, what) {
        (InvalidRequest::Callback(_), _) => "callback_url",
        (InvalidRequest::FileName(_) | InvalidRequest::FileTwice(_) | InvalidRequest::TooManyFiles, _) => {
            "additional_files"
        }
        (InvalidRequest::NulByte("a compiler argument"), _) => "compiler_options",
        (InvalidRequest::NulByte(_), _) | (_, "args" | "an item of args") => "command_line_arguments",
        (_, "compileArgs" | "an item of compileArgs") => "compiler_options",
        (_, "stdin" | "tests.stdin") => "stdin",
        (_, "tests.expectedStdout") => "expected_output",
        _ => "source_code",
    };
    Errors::of(name, format!("is too much for this server: {error}"))
}

/// Seconds of cpu time after which a program has used too much, if there are any.
pub fn cpu_limit(attributes: &Attributes) -> Option<f64> {
    Some(attributes.cpu_time_limit).filter(|limit| *limit > 0.0 && *limit <= config::cpu_time_max())
}

#[cfg(test)]
mod tests {
    use locus_core::{Encoding, Seconds, SourceFile};

    use super::{Submission, arguments, attributes, id, order, token};
    use crate::backend::{Asked, LanguageInfo};
    use crate::compat::judge0::submission::{Attributes, attributes as some};

    fn submission() -> Submission {
        let python = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        Submission {
            language: LanguageInfo::from(python),
            source: b"print(1)".to_vec(),
            stdin: None,
            expected_output: None,
            files: Vec::new(),
            callback_url: None,
            attributes: some(),
        }
    }

    #[test]
    fn a_token_is_the_id_of_a_run_and_nothing_else_is() {
        let (a, b) = ("d85cd024-1548-4165-96c7-7bc88673f194", "run-d85cd024-1548-4165-96c7-7bc88673f194");
        assert_eq!((id(a).as_deref(), token(b)), (Some(b), a));
        for odd in ["", "x", b, "D85CD02415484165", "../d85cd024-1548-4165-96c7-7bc88673f194"] {
            assert_eq!(id(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_a_run_has_no_place_for_is_found_again_in_its_note() {
        let order = order(submission(), None).expect("it can be run");
        let asked = Asked { request: order.request, note: order.note };
        assert_eq!(attributes(&asked), Some(some()));
        for note in [None, Some("{}".to_owned()), Some("a note".to_owned())] {
            assert_eq!(attributes(&Asked { note, ..asked.clone() }), None);
        }
    }

    #[test]
    fn a_plain_submission_is_a_plain_run() {
        let request =
            order(Submission { stdin: Some("in".into()), ..submission() }, None).expect("it can be run").request;
        assert_eq!((request.code.as_deref(), request.stdin.as_str()), (Some("print(1)"), "in"));
        assert!(request.files.is_empty() && request.tests.is_empty());
        assert_eq!(request.limits.timeout_seconds, Some(Seconds::whole(10)));
        assert_eq!(request.limits.cpu_seconds, Some(Seconds::whole(6)));
        assert_eq!(request.limits.memory_bytes, Some(128_000 << 10));
        assert_eq!((request.limits.file_bytes, request.limits.output_bytes), (Some(1 << 20), Some(1 << 20)));
    }

    #[test]
    fn one_that_is_judged_or_run_again_is_a_run_with_tests() {
        let expected_output = Some("1\n".to_owned());
        let judged = order(Submission { expected_output, stdin: Some("in".into()), ..submission() }, None);
        let request = judged.expect("it can be run").request;
        assert_eq!((request.stdin.as_str(), request.tests.len(), request.tests[0].stdin.as_str()), ("", 1, "in"));
        let attributes = Attributes { number_of_runs: 3, ..some() };
        let again = order(Submission { attributes, ..submission() }, None).expect("it can be run").request;
        assert_eq!((again.tests.len(), again.tests[0].expected_stdout.as_deref()), (3, None));
    }

    #[test]
    fn files_stand_beside_the_program_and_replace_nothing() {
        let file = |name: &str| SourceFile { name: name.into(), content: "x".into(), encoding: Encoding::Utf8 };
        let beside = Submission { files: vec![file("main.py"), file("a.py")], ..submission() };
        let files = order(beside, None).expect("it can be run").request.files;
        assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["main.py", "a.py"]);
        assert_eq!(files[0].content, "print(1)");
        let bytes = order(Submission { source: vec![0xff], ..submission() }, None).expect("it can be run").request;
        assert_eq!((bytes.files[0].name.as_str(), bytes.files[0].encoding), ("main.py", Encoding::Base64));
    }

    #[test]
    fn no_limit_is_the_largest_one() {
        let attributes = Attributes { cpu_time_limit: 0.0, max_file_size: 0, ..some() };
        let limits = order(Submission { attributes, ..submission() }, None).expect("it can be run").request.limits;
        assert_eq!((limits.cpu_seconds, limits.file_bytes), (Some(Seconds::whole(300)), Some(256 << 20)));
    }

    #[test]
    fn arguments_are_words_without_what_a_shell_would_do() {
        for (text, words) in [
            ("", &[][..]),
            (" a  b ", &["a", "b"]),
            ("'a b' \"c d\" e\\ f", &["a b", "c d", "e f"]),
            ("$(id) `id`; a>b | c", &["(id)", "id", "ab", "c"]),
            ("it's", &["it's"]),
        ] {
            assert_eq!(arguments(Some(text)), words, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_told_by_its_part() {
        let too_much = |submission| serde_json::to_value(order(submission, None).expect_err("too much")).expect("JSON");
        let large = "x".repeat(300_000);
        let with = |attributes| Submission { attributes, ..submission() };
        for (name, submission) in [
            ("source_code", Submission { source: vec![b'x'; 600_000], ..submission() }),
            ("stdin", Submission { stdin: Some(large.clone()), ..submission() }),
            ("expected_output", Submission { expected_output: Some(large), ..submission() }),
            ("compiler_options", with(Attributes { compiler_options: Some("-D\0".into()), ..some() })),
            ("command_line_arguments", with(Attributes { command_line_arguments: Some("\0".into()), ..some() })),
            ("callback_url", Submission { callback_url: Some("nowhere".into()), ..submission() }),
        ] {
            let errors = too_much(submission);
            assert_eq!(errors.as_object().expect("an object").keys().collect::<Vec<_>>(), [name], "{errors}");
        }
    }
}
