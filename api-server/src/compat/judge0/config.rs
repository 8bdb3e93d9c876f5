//! What a submission may ask for, and what it gets where it asks for nothing: Judge0's defaults, and our own maxima in the
//! place of those that its configuration sets.

use axum::response::Response;
use locus_core::Limits;
use locus_core::request::SOURCE_BYTES_MAX;

use super::answer::{Ordered, ok};

/// The version of Judge0 that this is like.
pub const VERSION: &str = "1.13.1";
/// Seconds of cpu time.
pub const CPU_TIME: f64 = 5.0;
/// Seconds that a program gets beyond them before it is stopped.
pub const CPU_EXTRA_TIME: f64 = 1.0;
/// The most of those.
pub const CPU_EXTRA_TIME_MAX: f64 = 5.0;
/// Seconds of wall-clock time.
pub const WALL_TIME: f64 = 10.0;
/// Kilobytes of memory.
pub const MEMORY: i64 = 128_000;
/// Kilobytes of stack.
pub const STACK: i64 = 64_000;
/// The most of those.
pub const STACK_MAX: i64 = 128_000;
/// Processes and threads.
pub const PROCESSES: i64 = 60;
/// Kilobytes of the largest file.
pub const FILE_SIZE: i64 = 1024;
/// How often a program is run.
pub const RUNS: i64 = 1;
/// The most of that.
pub const RUNS_MAX: i64 = 20;
/// The most characters of the compiler's options and of the program's arguments.
pub const OPTIONS_MAX: usize = 512;
/// The most submissions of a batch.
pub const BATCH_MAX: usize = 20;
/// The submissions of a page.
pub const PAGE: i64 = 20;
/// The most of those.
pub const PAGE_MAX: usize = 100;
/// How many submissions Judge0 lets wait. How many do here is for whoever runs the server.
const QUEUE: u64 = 100;
const SECONDS_OF_A_CALLBACK: f64 = 15.0;
const TRIES_OF_A_CALLBACK: u64 = 4;

/// Kilobytes of as many bytes.
fn kilobytes(bytes: u64) -> i64 {
    i64::try_from(bytes >> 10).unwrap_or(i64::MAX)
}

/// The most seconds of cpu time.
pub fn cpu_time_max() -> f64 {
    Limits::MAXIMUM.cpu_seconds.as_f64()
}

/// The most seconds of wall-clock time.
pub fn wall_time_max() -> f64 {
    Limits::MAXIMUM.timeout_seconds.as_f64()
}

/// The most kilobytes of memory.
pub fn memory_max() -> i64 {
    kilobytes(Limits::MAXIMUM.memory_bytes)
}

/// The most processes and threads.
pub fn processes_max() -> i64 {
    Limits::MAXIMUM.processes.into()
}

/// The most kilobytes of the largest file.
pub fn file_size_max() -> i64 {
    kilobytes(Limits::MAXIMUM.file_bytes)
}

/// `GET /config_info`.
pub async fn info() -> Response {
    ok(&Ordered(vec![
        ("maintenance_mode", false.into()),
        ("enable_wait_result", true.into()),
        ("enable_compiler_options", true.into()),
        ("allowed_languages_for_compile_options", Vec::<String>::new().into()),
        ("enable_command_line_arguments", true.into()),
        ("enable_submission_delete", false.into()),
        ("enable_callbacks", true.into()),
        ("callbacks_max_tries", TRIES_OF_A_CALLBACK.into()),
        ("callbacks_timeout", SECONDS_OF_A_CALLBACK.into()),
        ("enable_additional_files", true.into()),
        ("max_queue_size", QUEUE.into()),
        ("cpu_time_limit", CPU_TIME.into()),
        ("max_cpu_time_limit", cpu_time_max().into()),
        ("cpu_extra_time", CPU_EXTRA_TIME.into()),
        ("max_cpu_extra_time", CPU_EXTRA_TIME_MAX.into()),
        ("wall_time_limit", WALL_TIME.into()),
        ("max_wall_time_limit", wall_time_max().into()),
        ("memory_limit", MEMORY.into()),
        ("max_memory_limit", memory_max().into()),
        ("stack_limit", STACK.into()),
        ("max_stack_limit", STACK_MAX.into()),
        ("max_processes_and_or_threads", PROCESSES.into()),
        ("max_max_processes_and_or_threads", processes_max().into()),
        ("enable_per_process_and_thread_time_limit", false.into()),
        ("allow_enable_per_process_and_thread_time_limit", false.into()),
        ("enable_per_process_and_thread_memory_limit", false.into()),
        ("allow_enable_per_process_and_thread_memory_limit", false.into()),
        ("max_file_size", FILE_SIZE.into()),
        ("max_max_file_size", file_size_max().into()),
        ("number_of_runs", RUNS.into()),
        ("max_number_of_runs", RUNS_MAX.into()),
        ("redirect_stderr_to_stdout", false.into()),
        ("max_extract_size", (SOURCE_BYTES_MAX >> 10).into()),
        ("enable_batched_submissions", true.into()),
        ("max_submission_batch_size", BATCH_MAX.into()),
        ("submission_cache_duration", 0.0.into()),
        ("use_docs_as_homepage", false.into()),
        ("allow_enable_network", false.into()),
        ("enable_network", false.into()),
    ]))
}
