//! Programs: text that says how long it runs, what it prints and how it exits.

use std::time::Duration;

use locus_core::{Outcome, RunResult};

/// Stands in every program, so that its code is known wherever it turns up.
pub const MARK: &str = "#code";

/// Stands in what a test expects, which no runner may be told.
pub const SECRET: &str = "#secret";

#[derive(Debug, Clone)]
pub struct Program {
    pub time: Duration,
    pub exit: i32,
    pub prints: String,
}

impl Program {
    /// The code of the program.
    pub fn code(&self) -> String {
        format!("{MARK} millis={} exit={} prints={}", self.time.as_millis(), self.exit, self.prints)
    }

    pub fn parse(code: &str) -> Self {
        let field = |name: &str| {
            let word = code.split(' ').find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("{name} stands in {code:?}"))
        };
        Self {
            time: Duration::from_millis(field("millis=").parse().expect("a number")),
            exit: field("exit=").parse().expect("a number"),
            prints: field("prints=").into(),
        }
    }

    /// What it prints at its start, and what at its end.
    pub fn output(&self) -> (String, String) {
        (format!("{} begins\n", self.prints), format!("{} ends\n", self.prints))
    }

    pub fn result(&self, limit: Duration) -> RunResult {
        if self.time > limit {
            return RunResult::failed(Outcome::TimedOut, "the program ran too long");
        }
        let outcome = if self.exit == 0 { Outcome::Completed } else { Outcome::NonZeroExit };
        let error = if self.exit == 0 { String::new() } else { format!("the program exited with {}", self.exit) };
        RunResult { exit_code: Some(self.exit), ..RunResult::failed(outcome, error) }
    }
}
