//! Signals by name and number, as Linux has them.

/// The names of the signals from 1 on.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];
/// Those that end a run.
const ENDING: [&str; 3] = ["SIGKILL", "SIGTERM", "SIGINT"];

/// The signal that ends what nothing else ends.
pub const KILL: &str = "SIGKILL";

/// The number of a signal, where it has a name.
#[must_use]
pub fn number(name: &str) -> Option<usize> {
    NAMES.iter().position(|known| *known == name).map(|at| at + 1)
}

/// The name of a signal that a client may send to a run.
#[must_use]
pub fn ending(name: &str) -> Option<&'static str> {
    ENDING.into_iter().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::{ending, number};

    #[test]
    fn signals_have_their_numbers() {
        for (name, expected) in [
            ("SIGHUP", 1),
            ("SIGABRT", 6),
            ("SIGKILL", 9),
            ("SIGSEGV", 11),
            ("SIGTERM", 15),
            ("SIGXFSZ", 25),
            ("SIGSYS", 31),
        ] {
            assert_eq!(number(name), Some(expected), "{name}");
        }
        assert_eq!((number("KILL"), ending("SIGUSR1"), ending("SIGINT")), (None, None, Some("SIGINT")));
    }
}
