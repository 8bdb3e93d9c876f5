//! What came of test cases: a line for each, and for wrong outputs what differs.

use std::fmt::Write as _;

use locus_core::{CaseView, Run, TestCase, Verdict};
use similar::{ChangeTag, TextDiff};

use crate::show::{BAD, FAINT, GOOD, STRONG, one_line, seconds, size, styled, table};

/// The most lines of a diff, and of what a program wrote to standard error.
const LINES_MAX: usize = 40;
/// Lines around a difference.
const CONTEXT: usize = 2;

/// The whole report.
#[must_use]
pub fn report(tests: &[TestCase], run: &Run) -> String {
    let Some(view) = &run.tests else { return String::new() };
    let heads = ["", "TEST", "VERDICT", "TIME", "MEMORY"].map(|head| styled(STRONG, head));
    let rows = view.cases.iter().enumerate().map(|(index, case)| row(index, case));
    let mut text = table(&std::iter::once(heads.to_vec()).chain(rows).collect::<Vec<_>>());
    for (index, (case, test)) in view.cases.iter().zip(tests).enumerate() {
        text += &details(&name(index, case), case, test);
    }
    let style = if view.passed == view.total { GOOD } else { BAD };
    let _ = writeln!(text, "\n{}", styled(style.bold(), &format!("{} of {} tests passed", view.passed, view.total)));
    text
}

fn name(index: usize, case: &CaseView) -> String {
    case.name.as_deref().map_or_else(|| (index + 1).to_string(), one_line)
}

fn row(index: usize, case: &CaseView) -> Vec<String> {
    let (mark, verdict, style) = match case.verdict {
        Verdict::Passed => ("✓", "passed".to_owned(), GOOD),
        Verdict::WrongOutput => ("✗", "wrong output".to_owned(), BAD),
        Verdict::Failed => {
            let outcome = case.end.as_ref().map(|end| end.outcome.as_str()).unwrap_or_default();
            ("✗", format!("failed: {outcome}"), BAD)
        }
        Verdict::NotRun => ("-", "not run".to_owned(), FAINT),
    };
    let usage = case.end.as_ref().map(|end| end.usage);
    vec![
        styled(style, mark),
        name(index, case),
        styled(style, &verdict),
        usage.map(|usage| seconds(usage.wall_seconds)).unwrap_or_default(),
        usage.map(|usage| size(usage.memory_peak_bytes)).unwrap_or_default(),
    ]
}

fn details(name: &str, case: &CaseView, test: &TestCase) -> String {
    let mut shown = String::new();
    match (case.verdict, &test.expected_stdout) {
        (Verdict::WrongOutput, Some(expected)) => {
            let _ = writeln!(shown, "\n{} {} expected, {} printed", styled(STRONG, name), minus("-"), plus("+"));
            match &case.stdout {
                Some(stdout) => shown += &diff(expected, stdout),
                None => shown += "  what it printed is not UTF-8 text\n",
            }
            if case.truncated {
                shown += "  what it printed was cut\n";
            }
        }
        (Verdict::Failed, _) => {
            let error = case.end.as_ref().map(|end| end.error.as_str()).unwrap_or_default();
            let _ = writeln!(shown, "\n{} {}", styled(STRONG, name), one_line(error));
            let lines: Vec<_> = case.stderr.iter().flat_map(|stderr| stderr.lines()).collect();
            // What a program says last is what ended it.
            for line in &lines[lines.len().saturating_sub(LINES_MAX)..] {
                let _ = writeln!(shown, "  {}", one_line(line));
            }
        }
        _ => {}
    }
    shown
}

fn minus(text: &str) -> String {
    styled(BAD, text)
}

fn plus(text: &str) -> String {
    styled(GOOD, text)
}

/// The lines that differ, with a few around them.
fn diff(expected: &str, printed: &str) -> String {
    let diff = TextDiff::from_lines(expected, printed);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push(styled(FAINT, "  ..."));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            // White space at the end is what is overlooked most.
            let line = change.value().strip_suffix('\n').unwrap_or(change.value());
            let shown = one_line(&line.replace('\r', "␍").replace('\t', "␉"));
            let end = if change.missing_newline() { styled(FAINT, " (no line break)") } else { String::new() };
            lines.push(match change.tag() {
                ChangeTag::Equal => format!("  {shown}{end}"),
                ChangeTag::Delete => format!("{}{end}", minus(&format!("- {shown}"))),
                ChangeTag::Insert => format!("{}{end}", plus(&format!("+ {shown}"))),
            });
        }
    }
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(styled(FAINT, &format!("  ... and {more} lines more")));
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use locus_core::{CaseEnd, CaseView, Outcome, Run, TestCase, TestsView, Usage, Verdict};
    use snapbox::{assert_data_eq, str};

    use super::{diff, report};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn view(name: Option<&str>, verdict: Verdict, outcome: Option<Outcome>) -> CaseView {
        let end = |outcome| CaseEnd {
            outcome,
            error: if outcome == Outcome::Completed { String::new() } else { "it exited with status 1".into() },
            exit_code: None,
            signal: None,
            usage: Usage { wall_seconds: 0.0123, cpu_seconds: 0.01, memory_peak_bytes: 9_437_184 },
        };
        CaseView {
            name: name.map(str::to_owned),
            verdict,
            end: outcome.map(end),
            stdout: Some("3\n".into()),
            stdout_base64: None,
            stderr: Some("Traceback\nValueError\n".into()),
            stderr_base64: None,
            truncated: false,
        }
    }

    #[test]
    fn a_report_has_a_line_for_each_test_and_what_went_wrong() {
        let cases = vec![
            view(Some("adds"), Verdict::Passed, Some(Outcome::Completed)),
            view(None, Verdict::WrongOutput, Some(Outcome::Completed)),
            view(Some("breaks"), Verdict::Failed, Some(Outcome::NonZeroExit)),
            view(Some("late"), Verdict::NotRun, None),
        ];
        let test = TestCase { expected_stdout: Some("4\n".into()), ..TestCase::default() };
        let run = Run { tests: Some(TestsView { passed: 1, total: 4, cases }), ..Run::default() };
        assert_data_eq!(
            plain(&report(&vec![test; 4], &run)),
            str![[r"
    TEST     VERDICT               TIME     MEMORY
✓   adds     passed                0.01 s   9.0 MiB
✗   2        wrong output          0.01 s   9.0 MiB
✗   breaks   failed: NonZeroExit   0.01 s   9.0 MiB
-   late     not run

2 - expected, + printed
- 4
+ 3

breaks it exited with status 1
  Traceback
  ValueError

1 of 4 tests passed

"]]
        );
    }

    #[test]
    fn a_diff_shows_what_can_not_be_seen() {
        assert_data_eq!(
            plain(&diff("a\nb\nc", "a\nb\r\nc\n")),
            str![[r"
  a
- b
- c (no line break)
+ b␍
+ c

"]]
        );
    }

    #[test]
    fn a_large_diff_is_cut() {
        let text = plain(&diff("", &"x\n".repeat(1000)));
        assert!(text.lines().count() == 41 && text.ends_with("... and 960 lines more\n"), "{text}");
    }
}
