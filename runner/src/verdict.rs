//! The end of a step in the words of the contract.

use std::io;

use locus_core::cases::OUTPUT_BYTES_MAX;
use locus_core::{Limits, Outcome, RunResult};

use crate::family::Status;
use crate::output::Stream;
use crate::step::{Cause, Ended};

const CANCELLED: &str = "the run was cancelled";

/// The result of a step; `subject` is what the sentence speaks of ("the program").
pub fn result(ended: &Ended, limits: &Limits, subject: &str) -> RunResult {
    let (outcome, error) = match (ended.cause, ended.status) {
        (Some(Cause::Cancelled), _) => (Outcome::Cancelled, CANCELLED.to_owned()),
        (Some(Cause::WallClock), _) => {
            (Outcome::TimedOut, format!("{subject} was stopped after {} s (wall-clock limit)", limits.timeout_seconds))
        }
        (Some(Cause::CpuTime), _) => (
            Outcome::TimedOut,
            format!("{subject} was stopped after {} s of cpu time (cpu-time limit)", limits.cpu_seconds),
        ),
        // Between two looks, and before anything could stop it.
        (Some(Cause::Memory), Status::Exited(_)) => {
            (Outcome::OutOfMemory, format!("{subject} used more than {} (memory limit)", bytes(limits.memory_bytes)))
        }
        (Some(Cause::Memory), Status::Signaled(_)) => {
            (Outcome::OutOfMemory, format!("{subject} was stopped at {} (memory limit)", bytes(limits.memory_bytes)))
        }
        (Some(Cause::Output(stream)), _) => (
            Outcome::OutputLimitExceeded,
            format!("{subject} was stopped after {} of {} (output limit)", bytes(limits.output_bytes), name(stream)),
        ),
        (None, Status::Exited(0)) => (Outcome::Completed, String::new()),
        (None, Status::Exited(status)) => (Outcome::NonZeroExit, format!("{subject} exited with status {status}")),
        (None, Status::Signaled(libc::SIGXFSZ)) => (
            Outcome::Signaled,
            format!("{subject} was ended by SIGXFSZ: a file grew past {} (file limit)", bytes(limits.file_bytes)),
        ),
        (None, Status::Signaled(signal)) => {
            (Outcome::Signaled, format!("{subject} was ended by {}", signal_name(signal)))
        }
    };
    let (exit_code, signal) = match ended.status {
        Status::Exited(status) => (Some(status), None),
        Status::Signaled(signal) => (None, Some(signal_name(signal))),
    };
    RunResult {
        exit_code,
        signal,
        stdout_truncated: ended.stdout_truncated,
        stderr_truncated: ended.stderr_truncated,
        usage: ended.usage,
        prestarted: ended.prestarted,
        ..RunResult::failed(outcome, error)
    }
}

/// The result of a program that the kernel does not start, with the status that a shell gives it.
pub fn not_started(program: &str, error: &io::Error) -> RunResult {
    let status = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
    RunResult {
        exit_code: Some(status),
        ..RunResult::failed(Outcome::NonZeroExit, format!("{program} can't be started: {error}"))
    }
}

/// The result of a run that was cancelled between or in its cases.
pub fn cancelled(so_far: RunResult) -> RunResult {
    RunResult { outcome: Outcome::Cancelled, error: CANCELLED.to_owned(), ..so_far }
}

/// The sentence of a case that would have had room for its output if it were the only one.
pub fn out_of_room(stream: Stream) -> String {
    let (bytes, name) = (bytes(OUTPUT_BYTES_MAX), name(stream));
    format!("the program was stopped: all tests together have written {bytes} of {name} (output limit)")
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

fn bytes(count: u64) -> String {
    match count {
        0 => "0 bytes".into(),
        1 => "1 byte".into(),
        _ if count.is_multiple_of(1 << 30) => format!("{} GiB", count >> 30),
        _ if count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        _ if count.is_multiple_of(1 << 10) => format!("{} KiB", count >> 10),
        _ => format!("{count} bytes"),
    }
}

/// The name of a signal, as in signal(7).
fn signal_name(signal: i32) -> String {
    const NAMES: [(i32, &str); 31] = [
        (libc::SIGHUP, "HUP"),
        (libc::SIGINT, "INT"),
        (libc::SIGQUIT, "QUIT"),
        (libc::SIGILL, "ILL"),
        (libc::SIGTRAP, "TRAP"),
        (libc::SIGABRT, "ABRT"),
        (libc::SIGBUS, "BUS"),
        (libc::SIGFPE, "FPE"),
        (libc::SIGKILL, "KILL"),
        (libc::SIGUSR1, "USR1"),
        (libc::SIGSEGV, "SEGV"),
        (libc::SIGUSR2, "USR2"),
        (libc::SIGPIPE, "PIPE"),
        (libc::SIGALRM, "ALRM"),
        (libc::SIGTERM, "TERM"),
        (libc::SIGSTKFLT, "STKFLT"),
        (libc::SIGCHLD, "CHLD"),
        (libc::SIGCONT, "CONT"),
        (libc::SIGSTOP, "STOP"),
        (libc::SIGTSTP, "TSTP"),
        (libc::SIGTTIN, "TTIN"),
        (libc::SIGTTOU, "TTOU"),
        (libc::SIGURG, "URG"),
        (libc::SIGXCPU, "XCPU"),
        (libc::SIGXFSZ, "XFSZ"),
        (libc::SIGVTALRM, "VTALRM"),
        (libc::SIGPROF, "PROF"),
        (libc::SIGWINCH, "WINCH"),
        (libc::SIGIO, "IO"),
        (libc::SIGPWR, "PWR"),
        (libc::SIGSYS, "SYS"),
    ];
    match NAMES.iter().find(|(number, _)| *number == signal) {
        Some((_, name)) => format!("SIG{name}"),
        // The kernel's first real-time signal; a C library may keep a few for itself.
        None => format!("SIGRTMIN+{}", signal - 32),
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{Limits, Outcome, Usage};

    use super::{bytes, result, signal_name};
    use crate::family::Status;
    use crate::output::Stream;
    use crate::step::{Cause, Ended};

    #[test]
    fn each_end_has_its_outcome_and_one_sentence() {
        let killed = Status::Signaled(libc::SIGKILL);
        for (cause, status, outcome, error) in [
            (None, Status::Exited(0), Outcome::Completed, ""),
            (None, Status::Exited(3), Outcome::NonZeroExit, "the program exited with status 3"),
            (None, Status::Signaled(libc::SIGSEGV), Outcome::Signaled, "the program was ended by SIGSEGV"),
            (Some(Cause::Cancelled), killed, Outcome::Cancelled, "the run was cancelled"),
            (
                Some(Cause::WallClock),
                killed,
                Outcome::TimedOut,
                "the program was stopped after 30 s (wall-clock limit)",
            ),
            (
                Some(Cause::CpuTime),
                killed,
                Outcome::TimedOut,
                "the program was stopped after 30 s of cpu time (cpu-time limit)",
            ),
            (Some(Cause::Memory), killed, Outcome::OutOfMemory, "the program was stopped at 256 MiB (memory limit)"),
            (
                Some(Cause::Memory),
                Status::Exited(0),
                Outcome::OutOfMemory,
                "the program used more than 256 MiB (memory limit)",
            ),
            (
                Some(Cause::Output(Stream::Stderr)),
                killed,
                Outcome::OutputLimitExceeded,
                "the program was stopped after 1 MiB of stderr (output limit)",
            ),
        ] {
            let ended = Ended {
                status,
                cause,
                stdout_truncated: false,
                stderr_truncated: false,
                usage: Usage::default(),
                prestarted: false,
            };
            let result = result(&ended, &Limits::DEFAULT, "the program");
            assert_eq!((result.outcome, result.error.as_str()), (outcome, error));
        }
    }

    #[test]
    fn sizes_and_signals_are_told_by_name() {
        assert_eq!((bytes(0), bytes(1)), ("0 bytes".into(), "1 byte".into()));
        assert_eq!((bytes(1000), bytes(2048), bytes(2 << 30)), ("1000 bytes".into(), "2 KiB".into(), "2 GiB".into()));
        assert_eq!((signal_name(9), signal_name(34)), ("SIGKILL".into(), "SIGRTMIN+2".into()));
    }
}
