//! What a run that has ended would have told.

use locus_core::view::bytes;
use locus_core::{Encoding, Event, OutputFile, Run};

/// The most bytes of an event.
const CHUNK: usize = 32 * 1024;

/// The events of a run that its status tells, in their order: the program's output, or the cases one after the other, and
/// the files that were left. One that never had a pod tells nothing.
pub fn events(run: &Run) -> Vec<Event> {
    if run.started_at.is_none() {
        return Vec::new();
    }
    let mut events = vec![Event::Started];
    tell_output(&mut events, [&run.stdout, &run.stdout_base64, &run.stderr, &run.stderr_base64]);
    let cases = run.tests.iter().flat_map(|tests| &tests.cases).enumerate();
    for (index, case) in cases {
        let Some(end) = &case.end else { continue };
        events.push(Event::CaseStarted { index });
        tell_output(&mut events, [&case.stdout, &case.stdout_base64, &case.stderr, &case.stderr_base64]);
        events.push(Event::CaseEnded { end: end.clone() });
    }
    events.extend(run.files.iter().map(|file| Event::File { name: file.name.clone(), data: content(file) }));
    events
}

fn content(file: &OutputFile) -> Vec<u8> {
    let (text, base64) = match file.encoding {
        Encoding::Utf8 => (Some(file.content.as_str()), None),
        Encoding::Base64 => (None, Some(file.content.as_str())),
    };
    bytes(text, base64).unwrap_or_default()
}

fn tell_output(events: &mut Vec<Event>, [stdout, stdout_base64, stderr, stderr_base64]: [&Option<String>; 4]) {
    // What is not base64 was not written by an operator; there is nothing to tell of it.
    let stream =
        |text: &Option<String>, base64: &Option<String>| bytes(text.as_deref(), base64.as_deref()).unwrap_or_default();
    let (stdout, stderr) = (stream(stdout, stdout_base64), stream(stderr, stderr_base64));
    events.extend(stdout.chunks(CHUNK).map(|data| Event::Stdout { data: data.to_vec() }));
    events.extend(stderr.chunks(CHUNK).map(|data| Event::Stderr { data: data.to_vec() }));
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, CaseView, Event, Outcome, OutputFile, Run, TestsView, Usage, Verdict};

    use super::{CHUNK, events};

    fn started() -> Run {
        Run { started_at: Some("2026-01-01T00:00:00Z".into()), ..Run::default() }
    }

    #[test]
    fn output_comes_in_pieces_to_the_byte_and_files_after_it() {
        let file = OutputFile::new("a.bin".into(), vec![0xff, 0], "application/octet-stream".into());
        let text = "é".repeat(CHUNK);
        let run =
            Run { stdout: Some(text.clone()), stderr_base64: Some("/wA=".into()), files: vec![file], ..started() };
        let mut told = events(&run).into_iter();
        assert_eq!(told.next(), Some(Event::Started));
        let (one, other) = (told.next(), told.next());
        let (Some(Event::Stdout { data: one }), Some(Event::Stdout { data: other })) = (one, other) else {
            panic!("stdout is told in two pieces");
        };
        assert_eq!([one, other].concat(), text.into_bytes());
        assert_eq!(told.next(), Some(Event::Stderr { data: vec![0xff, 0] }));
        assert_eq!(told.next(), Some(Event::File { name: "a.bin".into(), data: vec![0xff, 0] }));
        assert_eq!(told.next(), None);
    }

    #[test]
    fn cases_are_told_one_after_the_other_but_for_those_that_were_not_run() {
        let end = CaseEnd {
            outcome: Outcome::NonZeroExit,
            error: "it failed".into(),
            exit_code: Some(1),
            signal: None,
            usage: Usage::default(),
        };
        let case = |end: Option<&CaseEnd>| CaseView {
            name: None,
            verdict: Verdict::Failed,
            end: end.cloned(),
            stdout: Some("o".into()),
            stdout_base64: None,
            stderr: None,
            stderr_base64: None,
            truncated: false,
        };
        let tests = TestsView { passed: 0, total: 2, cases: vec![case(Some(&end)), case(None)] };
        let told = events(&Run { tests: Some(tests), ..started() });
        let expected = [
            Event::Started,
            Event::CaseStarted { index: 0 },
            Event::Stdout { data: b"o".to_vec() },
            Event::CaseEnded { end },
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_run_that_never_had_a_pod_tells_nothing() {
        assert_eq!(events(&Run { stdout: Some(String::new()), ..Run::default() }), []);
    }
}
