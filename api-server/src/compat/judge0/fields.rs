//! Which parts of a submission an answer has.

/// All of them, in the order that they come in.
pub const ALL: [&str; 35] = [
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "stdout",
    "status_id",
    "created_at",
    "finished_at",
    "time",
    "memory",
    "stderr",
    "token",
    "number_of_runs",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "compile_output",
    "exit_code",
    "exit_signal",
    "message",
    "wall_time",
    "compiler_options",
    "command_line_arguments",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "status",
    "language",
];

/// Those of an answer to whoever asks for none.
const DEFAULT: [&str; 8] = ["token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"];

/// The parts that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields(Vec<&'static str>);

impl Default for Fields {
    fn default() -> Self {
        Self(ALL.into_iter().filter(|name| DEFAULT.contains(name)).collect())
    }
}

impl Fields {
    /// Those of a list with commas; `*` is all of them.
    ///
    /// # Errors
    /// The names of what a submission does not have, as a list.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches(',');
        let names: Vec<&str> = if text.is_empty() { Vec::new() } else { text.split(',').collect() };
        let unknown: Vec<&str> = names.iter().copied().filter(|name| *name != "*" && !ALL.contains(name)).collect();
        if !unknown.is_empty() {
            return Err(unknown.join(", "));
        }
        if names.is_empty() {
            return Ok(Self::default());
        }
        let all = names.contains(&"*");
        Ok(Self(ALL.into_iter().filter(|name| all || names.contains(name)).collect()))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Fields};

    fn names(text: &str) -> Result<Vec<&'static str>, String> {
        Fields::read(text).map(|fields| fields.names().collect())
    }

    #[test]
    fn fields_come_in_their_own_order_whatever_was_asked_for() {
        let default = ["stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status"];
        for nothing in ["", ",", ",,"] {
            assert_eq!(names(nothing).as_deref(), Ok(&default[..]), "{nothing}");
        }
        assert_eq!(names("token,stdout").as_deref(), Ok(&["stdout", "token"][..]));
        assert_eq!(names("stdout,*").as_deref(), Ok(&ALL[..]));
        assert_eq!(names("stdout,").as_deref(), Ok(&["stdout"][..]));
    }

    #[test]
    fn what_a_submission_does_not_have_is_named() {
        assert_eq!(names("stdout,nothing,id"), Err("nothing, id".to_owned()));
        assert_eq!(names(" stdout"), Err(" stdout".to_owned()));
        assert_eq!(names("*,x"), Err("x".to_owned()));
    }
}
