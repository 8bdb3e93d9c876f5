//! What becomes of a submission, in Judge0's numbers and words.

use axum::response::Response;
use locus_core::{Outcome, Phase, Run};
use serde_json::{Value, json};

use super::answer::{Ordered, ok};

/// A status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its number.
    pub id: u8,
    /// What people read.
    pub description: &'static str,
}

const fn status(id: u8, description: &'static str) -> Status {
    Status { id, description }
}

/// It waits for its turn.
pub const IN_QUEUE: Status = status(1, "In Queue");
/// A runner has it.
pub const PROCESSING: Status = status(2, "Processing");
/// The program completed, and printed what it was to where that was said.
pub const ACCEPTED: Status = status(3, "Accepted");
/// It completed and printed something else.
pub const WRONG_ANSWER: Status = status(4, "Wrong Answer");
/// It took too long.
pub const TIME_LIMIT_EXCEEDED: Status = status(5, "Time Limit Exceeded");
/// The compiler did not take it.
pub const COMPILATION_ERROR: Status = status(6, "Compilation Error");
const SIGSEGV: Status = status(7, "Runtime Error (SIGSEGV)");
const SIGXFSZ: Status = status(8, "Runtime Error (SIGXFSZ)");
const SIGFPE: Status = status(9, "Runtime Error (SIGFPE)");
const SIGABRT: Status = status(10, "Runtime Error (SIGABRT)");
/// It exited with another status than 0.
pub const NON_ZERO_EXIT: Status = status(11, "Runtime Error (NZEC)");
const OTHER_SIGNAL: Status = status(12, "Runtime Error (Other)");
/// The platform failed.
pub const INTERNAL_ERROR: Status = status(13, "Internal Error");
const EXEC_FORMAT_ERROR: Status = status(14, "Exec Format Error");

/// All of them.
pub const ALL: [Status; 14] = [
    IN_QUEUE,
    PROCESSING,
    ACCEPTED,
    WRONG_ANSWER,
    TIME_LIMIT_EXCEEDED,
    COMPILATION_ERROR,
    SIGSEGV,
    SIGXFSZ,
    SIGFPE,
    SIGABRT,
    NON_ZERO_EXIT,
    OTHER_SIGNAL,
    INTERNAL_ERROR,
    EXEC_FORMAT_ERROR,
];

/// The number of SIGKILL on every Linux.
pub const KILLED: i32 = 9;
/// The same of SIGXFSZ.
pub const FILE_TOO_LARGE: i32 = 25;

impl Status {
    /// What a program ends with that a signal has ended.
    pub const fn of_signal(number: i32) -> Self {
        match number {
            11 => SIGSEGV,
            FILE_TOO_LARGE => SIGXFSZ,
            8 => SIGFPE,
            6 => SIGABRT,
            _ => OTHER_SIGNAL,
        }
    }

    /// As it stands in a submission.
    pub fn json(self) -> Value {
        json!({ "id": self.id, "description": self.description })
    }
}

/// The status of a run by its summary, which does not say what its program was to print.
pub fn of_summary(run: &Run) -> Status {
    match run.outcome {
        None if run.phase == Phase::Pending => IN_QUEUE,
        None => PROCESSING,
        Some(Outcome::Completed) => ACCEPTED,
        Some(Outcome::TestsFailed) => WRONG_ANSWER,
        Some(Outcome::CompileFailed) => COMPILATION_ERROR,
        Some(Outcome::TimedOut) => TIME_LIMIT_EXCEEDED,
        Some(Outcome::OutOfMemory) => Status::of_signal(KILLED),
        Some(Outcome::OutputLimitExceeded) => Status::of_signal(FILE_TOO_LARGE),
        Some(Outcome::Signaled) => Status::of_signal(run.signal.as_deref().map_or(KILLED, signal_number)),
        Some(Outcome::NonZeroExit) => NON_ZERO_EXIT,
        Some(_) => INTERNAL_ERROR,
    }
}

/// The number of a signal by its name, as on x86-64 and arm64.
pub fn signal_number(name: &str) -> i32 {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let name = name.trim_start_matches("SIG");
    if let Some(after) = name.strip_prefix("RTMIN+") {
        return after.parse().map_or(0, |after: i32| after + 32);
    }
    NAMES.iter().position(|known| *known == name).and_then(|at| i32::try_from(at + 1).ok()).unwrap_or_default()
}

/// `GET /statuses`.
pub async fn list() -> Response {
    let listed = ALL.map(|status| Ordered(vec![("id", status.id.into()), ("description", status.description.into())]));
    ok(&listed)
}

#[cfg(test)]
mod tests {
    use super::{ALL, Status, signal_number};

    #[test]
    fn statuses_are_numbered_from_one() {
        assert!(ALL.iter().zip(1..).all(|(status, id)| status.id == id));
    }

    #[test]
    fn a_signal_has_a_status_of_its_own_or_that_of_the_others() {
        for (name, number, id) in [
            ("SIGSEGV", 11, 7),
            ("SIGXFSZ", 25, 8),
            ("SIGFPE", 8, 9),
            ("SIGABRT", 6, 10),
            ("SIGKILL", 9, 12),
            ("SIGSYS", 31, 12),
            ("SIGRTMIN+2", 34, 12),
            ("SIGNONE", 0, 12),
        ] {
            assert_eq!((signal_number(name), Status::of_signal(number).id), (number, id), "{name}");
        }
    }
}
