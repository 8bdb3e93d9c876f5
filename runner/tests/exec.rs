//! Real programs in a runner of their own: what they may do, what they may not, and that nothing of them is left.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use locus_core::{Assignment, EnvVar, Event, Limits, Outcome, RunResult, SourceFile, Transcript};
use locus_runner::toolchain::detect;

fn python(code: &str) -> Assignment {
    let found = detect().into_iter().find(|found| found.language.id == "python").expect("these tests need python3");
    Assignment {
        uid: "test".into(),
        program: found.program(),
        files: vec![file("main.py", code)],
        stdin: String::new(),
        args: vec![],
        env: vec![],
        compile_args: vec![],
        limits: Limits { timeout_seconds: 20, ..Limits::DEFAULT },
    }
}

fn file(name: &str, content: &str) -> SourceFile {
    SourceFile { name: name.into(), content: content.into(), encoding: locus_core::Encoding::Utf8 }
}

fn start(assignment: &Assignment) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_locus-runner"))
        .arg("exec")
        .env("SECRET", "of the server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the runner starts");
    let body = serde_json::to_vec(assignment).expect("it serializes");
    child.stdin.take().expect("a pipe").write_all(&body).expect("the runner reads");
    child
}

fn finish(mut child: Child) -> (Transcript, RunResult) {
    let mut transcript = Transcript::default();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let event: Event = serde_json::from_str(&line.expect("a line")).expect("an event");
        assert!(transcript.result.is_none(), "nothing follows the result");
        transcript.push(event, usize::MAX);
    }
    assert!(child.wait().expect("the runner ends").success());
    let result = transcript.result.clone().expect("the run has a result");
    (transcript, result)
}

fn run(assignment: &Assignment) -> (Transcript, RunResult) {
    finish(start(assignment))
}

/// A word that stands on the command line of the programs of one test, to find those that are left.
fn marker(name: &str) -> String {
    format!("marker-{name}-{}", std::process::id())
}

fn alive(marker: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("proc").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(marker)).count()
}

#[test]
fn stdin_args_variables_and_files_reach_the_program() {
    let mut assignment =
        python("import os, sys, lib.util; print(sys.stdin.read(), sys.argv, os.environ['A'], lib.util.x)");
    assignment.files.push(file("lib/util.py", "x = 7"));
    assignment.stdin = "in".into();
    assignment.args = vec!["a b".into(), "$HOME".into()];
    assignment.env = vec![EnvVar { name: "A".into(), value: "é".into() }];
    let (transcript, result) = run(&assignment);
    assert_eq!(String::from_utf8_lossy(&transcript.stdout), "in ['main.py', 'a b', '$HOME'] é 7\n");
    assert_eq!((result.outcome, result.exit_code, result.error.as_str()), (Outcome::Completed, Some(0), ""));
    assert!(result.usage.wall_seconds > 0.0 && result.usage.memory_peak_bytes > 1 << 20);
}

#[test]
fn a_program_sees_neither_the_servers_variables_nor_its_files() {
    let code = "import os; print(sorted(os.environ)); print(sorted(map(int, os.listdir('/proc/self/fd')))[:3])
print([fd for fd in os.listdir('/proc/self/fd') if int(fd) > 3])";
    let (transcript, _) = run(&python(code));
    let text = String::from_utf8_lossy(&transcript.stdout).into_owned();
    assert!(!text.contains("SECRET") && text.contains("'HOME', 'LANG'"), "{text}");
    assert!(text.ends_with("[0, 1, 2]\n[]\n"), "{text}");
}

#[test]
fn a_signal_that_nobody_sent_from_outside_is_told_by_name() {
    let (_, result) = run(&python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"));
    assert_eq!((result.outcome, result.signal.as_deref()), (Outcome::Signaled, Some("SIGSEGV")));
}

#[test]
fn the_deadline_holds_for_a_program_that_ignores_signals() {
    let mut assignment = python(
        "import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
print('up', flush=True)
while True: time.sleep(1)",
    );
    assignment.limits.timeout_seconds = 1;
    let begin = Instant::now();
    let (transcript, result) = run(&assignment);
    assert_eq!((result.outcome, transcript.stdout), (Outcome::TimedOut, b"up\n".to_vec()));
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_deadline_holds_for_a_program_that_stops_itself() {
    let mut assignment = python("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)");
    assignment.limits.timeout_seconds = 1;
    assert_eq!(run(&assignment).1.outcome, Outcome::TimedOut);
}

#[test]
fn cpu_time_has_a_limit_of_its_own() {
    let mut assignment = python("while True: pass");
    assignment.limits.cpu_seconds = 1;
    let (_, result) = run(&assignment);
    assert_eq!((result.outcome, result.error.as_str()), (Outcome::TimedOut, "the program used its 1 s of cpu time"));
}

#[test]
fn a_grandchild_in_a_session_of_its_own_that_holds_stdout_is_gone_with_the_program() {
    let marker = marker("daemon");
    let mut assignment = python(
        "import os, subprocess, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', sys.argv[1]])
    os._exit(0)
import time; time.sleep(0.3); print('parent')",
    );
    assignment.args = vec![marker.clone()];
    let begin = Instant::now();
    let (transcript, result) = run(&assignment);
    assert_eq!((result.outcome, transcript.stdout), (Outcome::Completed, b"parent\n".to_vec()));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(alive(&marker), 0);
}

#[test]
fn a_program_that_closes_its_streams_runs_on_to_its_own_end() {
    let (_, result) = run(&python("import os, time; [os.close(fd) for fd in (0, 1, 2)]; time.sleep(0.3); os._exit(5)"));
    assert_eq!((result.outcome, result.exit_code), (Outcome::NonZeroExit, Some(5)));
}

#[test]
fn a_fork_bomb_ends_with_its_run() {
    let marker = marker("bomb");
    let mut assignment = python(
        "import os, sys, time
for _ in range(60):
    if os.fork() == 0: time.sleep(1000)
print('forked', flush=True)
time.sleep(1000)",
    );
    assignment.args = vec![marker.clone()];
    assignment.limits.timeout_seconds = 2;
    assert_eq!(run(&assignment).1.outcome, Outcome::TimedOut);
    assert_eq!(alive(&marker), 0);
}

#[test]
fn output_past_its_limit_is_cut_between_characters_and_ends_the_program() {
    for stream in ["stdout", "stderr"] {
        let mut assignment = python(&format!("import sys\nwhile True: sys.{stream}.write('é' * 1000)"));
        assignment.limits.output_bytes = 10_001;
        let (transcript, result) = run(&assignment);
        assert_eq!(result.outcome, Outcome::OutputLimitExceeded);
        let (kept, flags) = match stream {
            "stdout" => (transcript.stdout, (true, false)),
            _ => (transcript.stderr, (false, true)),
        };
        assert_eq!(String::from_utf8(kept).expect("whole characters"), "é".repeat(5000));
        assert_eq!((result.stdout_truncated, result.stderr_truncated), flags);
    }
}

#[test]
fn output_of_exactly_the_limit_is_whole() {
    let mut assignment = python("import sys; sys.stdout.write('x' * 5000)");
    assignment.limits.output_bytes = 5000;
    let (transcript, result) = run(&assignment);
    assert_eq!((result.outcome, transcript.stdout.len()), (Outcome::Completed, 5000));
}

#[test]
fn bytes_that_are_no_text_come_through_as_they_are() {
    let (transcript, _) = run(&python("import sys; sys.stdout.buffer.write(bytes(range(256)) + b'\\xc3')"));
    let expected: Vec<u8> = (0..=255).chain([0xc3]).collect();
    assert_eq!(transcript.stdout, expected);
}

#[test]
fn memory_past_its_limit_ends_the_program() {
    let mut assignment = python("import time; x = b'x' * (150 << 20); time.sleep(60)");
    assignment.limits.memory_bytes = 64 << 20;
    assert_eq!(run(&assignment).1.outcome, Outcome::OutOfMemory);
}

#[test]
fn a_large_input_that_is_not_read_is_no_error() {
    let mut assignment = python("print('done')");
    assignment.stdin = "x".repeat(1 << 20);
    assert_eq!(run(&assignment).1.outcome, Outcome::Completed);
}

#[test]
fn a_run_that_is_told_to_end_is_cancelled_with_all_its_processes() {
    let marker = marker("cancel");
    let mut assignment = python("import time; print('up', flush=True); time.sleep(1000)");
    assignment.args = vec![marker.clone()];
    let child = start(&assignment);
    while alive(&marker) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the runner is alive");
    assert_eq!(finish(child).1.outcome, Outcome::Cancelled);
    assert_eq!(alive(&marker), 0);
}

#[test]
fn a_work_folder_that_the_program_locks_is_removed_all_the_same() {
    let (transcript, _) = run(&python("import os; os.makedirs('a/b'); os.chmod('a', 0); print(os.getcwd())"));
    let folder = String::from_utf8(transcript.stdout).expect("a path");
    assert!(!std::path::Path::new(folder.trim()).exists());
}

#[test]
fn a_compile_step_that_fails_ends_the_run_with_what_the_compiler_wrote() {
    let mut assignment = python("print('ran')");
    let program = assignment.program.run[0].clone();
    let compile = |code: &str| Some(vec![program.clone(), "-c".into(), code.into(), "{main}".into()]);
    assignment.program.compile = compile("import sys; sys.stderr.write(sys.argv[1]); sys.exit(1)");
    let (transcript, result) = run(&assignment);
    let compiled = result.compile.expect("there was a compile step");
    assert_eq!(
        (result.outcome, compiled.stderr.as_str(), compiled.exit_code),
        (Outcome::CompileFailed, "main.py", Some(1))
    );
    assert!(transcript.stdout.is_empty());
    assignment.program.compile = compile("print('built')");
    let (transcript, result) = run(&assignment);
    assert_eq!((result.outcome, transcript.stdout), (Outcome::Completed, b"ran\n".to_vec()));
    assert_eq!(result.compile.expect("there was a compile step").stdout, "built\n");
}

#[test]
fn node_runs_where_it_is_there() {
    let Some(found) = detect().into_iter().find(|found| found.language.id == "javascript") else {
        eprintln!("NOT RUN: this machine has no node");
        assert!(std::env::var_os("CI").is_none(), "CI has node");
        return;
    };
    let mut assignment = python("");
    assignment.program = found.program();
    assignment.files = vec![file("main.js", "console.log(process.argv.length, [1, 2].map(x => x * 2))")];
    let (transcript, result) = run(&assignment);
    assert_eq!((result.outcome, transcript.stdout), (Outcome::Completed, b"2 [ 2, 4 ]\n".to_vec()));
}
