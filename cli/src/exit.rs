//! The exit code of `locus run`: the program's own wherever it has one.

use locus_core::{Outcome, Run};

use crate::trouble::{PLATFORM, USAGE};

/// What `--help` says of it.
pub const HELP: &str = "\
Exit code:
  the program's own        it ran to its end
  128 + number of signal   a signal ended it; 137 also where it reached its limit of memory or output
  1                        it does not compile, or not all tests pass
  2                        the command line or the request is not right
  124                      its time was up
  125                      Locus itself failed: no server, no cluster, no sandbox
  130                      it was cancelled, as by Ctrl-C
  141                      nobody read its output any more";

const TIMED_OUT: u8 = 124;
const KILLED: u8 = 137;
/// It was cancelled: what a shell shows of a program that Ctrl-C ended.
pub const CANCELLED: u8 = 130;
/// Whoever read the output is gone: what a shell shows of a program that SIGPIPE ended.
pub const BROKEN_PIPE: u8 = 141;

/// The exit code that tells how a run ended.
#[must_use]
pub fn code(run: &Run) -> u8 {
    match run.outcome {
        Some(Outcome::Completed) => 0,
        // POSIX exit statuses have eight bits.
        Some(Outcome::NonZeroExit) => run.exit_code.and_then(|code| u8::try_from(code & 0xff).ok()).unwrap_or(1),
        Some(Outcome::Signaled) => run.signal.as_deref().and_then(signal_number).map_or(1, |number| 128 + number),
        Some(Outcome::TimedOut) => TIMED_OUT,
        Some(Outcome::OutOfMemory | Outcome::OutputLimitExceeded) => KILLED,
        Some(Outcome::Cancelled) => CANCELLED,
        Some(Outcome::CompileFailed | Outcome::TestsFailed) => 1,
        Some(Outcome::UnknownLanguage | Outcome::InvalidRequest) => USAGE,
        Some(
            Outcome::ImagePullFailed
            | Outcome::PodRejected
            | Outcome::PodEvicted
            | Outcome::RunnerFailed
            | Outcome::NodeLost,
        )
        | None => PLATFORM,
    }
}

/// The number of a signal on Linux, where every program runs.
fn signal_number(name: &str) -> Option<u8> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let name = name.strip_prefix("SIG")?;
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        return offset.parse::<u8>().ok().filter(|offset| *offset <= 32).map(|offset| 32 + offset);
    }
    let index = NAMES.iter().position(|known| *known == name)?;
    u8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use locus_core::{Outcome, Run};

    use super::{code, signal_number};

    #[test]
    fn the_programs_own_code_is_the_commands() {
        let run = |outcome, exit_code, signal: Option<&str>| {
            code(&Run { outcome: Some(outcome), exit_code, signal: signal.map(str::to_owned), ..Run::default() })
        };
        assert_eq!(run(Outcome::Completed, Some(0), None), 0);
        assert_eq!(run(Outcome::NonZeroExit, Some(42), None), 42);
        assert_eq!(run(Outcome::NonZeroExit, Some(255), None), 255);
        assert_eq!(run(Outcome::Signaled, None, Some("SIGSEGV")), 139);
        assert_eq!(run(Outcome::TimedOut, None, None), 124);
        assert_eq!(run(Outcome::OutOfMemory, None, None), 137);
        assert_eq!(run(Outcome::RunnerFailed, None, None), 125);
        assert_eq!(code(&Run::default()), 125, "a run that has not ended has no code of its own");
    }

    #[test]
    fn every_outcome_but_success_is_seen_in_the_code() {
        for outcome in Outcome::ALL.into_iter().filter(|outcome| !outcome.is_success()) {
            assert_ne!(code(&Run { outcome: Some(outcome), ..Run::default() }), 0, "{outcome}");
        }
    }

    #[test]
    fn signals_have_the_numbers_of_linux() {
        for (name, number) in [("SIGHUP", 1), ("SIGKILL", 9), ("SIGTERM", 15), ("SIGSYS", 31), ("SIGRTMIN+2", 34)] {
            assert_eq!(signal_number(name), Some(number), "{name}");
        }
        assert_eq!(signal_number("SIGNONE"), None);
    }
}
