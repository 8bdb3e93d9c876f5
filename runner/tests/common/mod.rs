//! What the tests share: python programs, and the runner's binary to run them.
#![allow(dead_code)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use locus_core::{
    Assignment, EnvVar, Event, Limits, Network, Outcome, Program, RunResult, Seconds, SourceFile, Standby, Transcript,
};
use locus_runner::sandbox::Isolation;
use locus_runner::toolchain::Toolchain;
use serde_json::json;

pub const RUNNER: &str = env!("CARGO_BIN_EXE_locus-runner");

/// The language's program, behind the shims of version managers. Without it the tests fail.
fn python_program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let language = locus_languages::find(locus_languages::all(), "python").expect("python is a language");
        Toolchain::probe(language).expect("the tests need python3").program
    })
}

/// The python of the system: that of the tests' own user may stand in its home, which another user can't enter.
pub fn system_python() -> Program {
    let run = vec!["/usr/bin/python3".into(), "{main}".into()];
    Program { run, path: Vec::new(), readable: Vec::new(), ..python_program().clone() }
}

/// A python program as an assignment, with limits that suit a test.
pub fn python(code: &str) -> Assignment {
    Assignment {
        uid: "run-1".into(),
        program: python_program().clone(),
        files: vec![file("main.py", code)],
        stdin: String::new(),
        args: Vec::new(),
        env: Vec::new(),
        compile_args: Vec::new(),
        limits: Limits { timeout_seconds: Seconds::whole(20), ..Limits::DEFAULT },
        compile_limits: None,
        network: Network::None,
        stderr_to_stdout: false,
        interactive: false,
        output_files: Vec::new(),
        cases: Vec::new(),
    }
}

pub fn with_limits(code: &str, change: impl FnOnce(&mut Limits)) -> Assignment {
    let mut assignment = python(code);
    change(&mut assignment.limits);
    assignment
}

pub fn file(name: &str, content: &str) -> SourceFile {
    SourceFile { name: name.into(), content: content.into(), encoding: locus_core::Encoding::Utf8 }
}

pub fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: value.into() }
}

/// A finished run.
pub struct Run {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub result: RunResult,
    pub took: Duration,
}

impl Run {
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    #[track_caller]
    pub fn completed(self) -> Self {
        assert_eq!(self.result.outcome, Outcome::Completed, "{}\n{}", self.result.error, self.err());
        assert_eq!(self.result.error, "");
        self
    }
}

/// The arguments of a runner for an assignment.
pub fn exec_args(isolation: Isolation, assignment: &Assignment) -> Vec<String> {
    exec_args_with(isolation, assignment, None)
}

/// The same for a runner that holds something ready.
pub fn exec_args_with(isolation: Isolation, assignment: &Assignment, standby: Option<&Standby>) -> Vec<String> {
    let mut args = vec!["exec".to_owned(), isolation.as_str().to_owned()];
    if isolation == Isolation::Namespaces {
        let (network, readable) = (assignment.network, &assignment.program.readable);
        args.push(json!({ "network": network, "readable": readable, "standby": standby }).to_string());
    }
    args
}

/// What is held ready for runs like this one.
pub fn standby(assignment: &Assignment) -> Standby {
    Standby { program: assignment.program.clone(), limits: assignment.limits, network: assignment.network }
}

/// An `exec` process that has its assignment.
pub fn start(assignment: &Assignment) -> Child {
    start_in(Isolation::Namespaces, assignment)
}

pub fn start_in(isolation: Isolation, assignment: &Assignment) -> Child {
    let mut child = Command::new(RUNNER)
        .args(exec_args(isolation, assignment))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the runner's binary starts");
    let json = serde_json::to_vec(assignment).expect("an assignment serializes");
    child.stdin.take().expect("a pipe").write_all(&json).expect("the runner reads its assignment");
    child
}

/// Reads an `exec` process to its end.
pub fn finish(mut child: Child, mut on_event: impl FnMut(&Event)) -> Run {
    let begin = Instant::now();
    let mut transcript = Transcript::default();
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let event: Event = serde_json::from_str(&line.expect("a line")).expect("a line is an event");
        assert!(transcript.result.is_none(), "nothing follows the result: {event:?}");
        on_event(&event);
        transcript.push(event, usize::MAX);
    }
    assert!(child.wait().expect("it is ours").success());
    let result = transcript.result.expect("a run ends with its result");
    Run { stdout: transcript.stdout, stderr: transcript.stderr, result, took: begin.elapsed() }
}

pub fn exec(assignment: &Assignment) -> Run {
    finish(start(assignment), |_| {})
}

/// A word that stands in the command line of one test's processes only.
pub fn marker(name: &str) -> String {
    format!("locus-test-{name}-{}", std::process::id())
}

/// Whether a living process has the word in its command line.
pub fn is_alive(marker: &str) -> bool {
    let entries = std::fs::read_dir("/proc").expect("linux has /proc");
    entries.flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(marker))
    })
}

/// The processes that a process has started and that are there still.
pub fn children_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("linux has /proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == format!("PPid:\t{parent}"))
    };
    pids.filter(is_child).collect()
}
