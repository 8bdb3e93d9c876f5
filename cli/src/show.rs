//! How things look on a terminal, and plainly where there is none.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use indicatif::{ProgressBar, ProgressStyle};
use tabwriter::TabWriter;

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What did not.
pub const BAD: Style = AnsiColor::Red.on_default();
/// What is of less weight.
pub const FAINT: Style = Style::new().dimmed();
/// What leads a line.
pub const STRONG: Style = Style::new().bold();

/// A text in a style.
#[must_use]
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Says something to whoever sits there, beside what a program writes.
pub fn say(text: &str) {
    // Nobody need read it.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says what is wrong.
pub fn complain(text: &str) {
    say(&format!("{} {text}", styled(BAD.bold(), "error:")));
}

/// Writes what a command is asked for.
///
/// # Errors
/// Nobody reads it any more.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Rows in columns, the first row being the heads.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let text = rows.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", row.join("\t").trim_end());
        text
    });
    let mut columns = TabWriter::new(Vec::new()).minwidth(1).padding(3).ansi(true);
    let written = columns.write_all(text.as_bytes()).and_then(|()| columns.flush());
    let aligned = written.ok().and_then(|()| columns.into_inner().ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    aligned.unwrap_or(text)
}

/// What may come from anybody, with nothing in it that a terminal would obey or that would break a line.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Bytes, as people read them.
#[must_use]
pub fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// Seconds, as people read them.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// A line that says what is waited for; it is there on a terminal only, and only as long as nothing else is shown.
#[derive(Debug)]
pub struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Nothing is shown yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Shows a text, with the time that has gone by.
    pub fn tell(&mut self, text: String) {
        let bar = self.0.get_or_insert_with(|| {
            if !io::stderr().is_terminal() {
                return ProgressBar::hidden();
            }
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(text);
    }

    /// Whether there is a line.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{BAD, one_line, size, styled, table};

    #[test]
    fn columns_stand_below_each_other_whatever_colour_they_have() {
        let rows =
            [vec!["A".into(), "B".into()], vec![styled(BAD, "xyz"), "1".into()], vec!["é".into(), String::new()]];
        let plain = anstream::adapter::strip_str(&table(&rows)).to_string();
        assert_eq!(plain, "A     B\nxyz   1\né\n");
    }

    #[test]
    fn names_can_not_move_the_cursor() {
        assert_eq!(one_line("a\x1b[2J\nb"), "a\u{fffd}[2J\u{fffd}b");
        assert_eq!(size(9 << 20), "9.0 MiB");
    }
}
