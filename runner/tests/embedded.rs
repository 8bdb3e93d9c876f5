//! `embedded`, from a binary that leads the hidden subcommand into the runner's main as a server does.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod common;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if args.next_if(|first| first == locus_runner::EMBEDDED_COMMAND).is_some() {
        return locus_runner::main(args);
    }
    #[cfg(target_os = "linux")]
    {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(checks::the_sandbox_is_told());
        runtime.block_on(checks::a_run_is_told_from_its_start_to_its_end());
        runtime.block_on(checks::a_cancelled_run_finishes_as_cancelled());
        runtime.block_on(checks::a_run_cancelled_at_once_finishes_as_cancelled());
        runtime.block_on(checks::a_runner_that_dies_is_a_result_too());
        runtime.block_on(checks::a_dropped_run_leaves_no_process());
    }
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
mod checks {
    use std::time::Duration;

    use locus_core::{Assignment, Event, Outcome, Transcript};
    use locus_runner::embedded::{self, EmbeddedRun};
    use locus_runner::sandbox::Isolation;

    use crate::common::{is_alive, marker, python};

    fn launch(assignment: &Assignment) -> EmbeddedRun {
        embedded::launch(assignment, Isolation::Namespaces).expect("it starts")
    }

    async fn finish(mut run: EmbeddedRun) -> Transcript {
        let mut transcript = Transcript::default();
        while let Some(event) = run.next_event().await {
            transcript.push(event.expect("an event"), usize::MAX);
        }
        transcript
    }

    fn outcome(transcript: &Transcript) -> Outcome {
        transcript.result.as_ref().expect("a result").outcome
    }

    #[allow(clippy::unused_async)]
    pub async fn the_sandbox_is_told() {
        let report = embedded::probe().expect("the runner answers");
        assert_eq!((report.isolation, report.weakness), (Some(Isolation::Namespaces), None));
        assert!(report.layers.iter().all(|layer| layer.in_force), "{:?}", report.layers);
    }

    pub async fn a_run_is_told_from_its_start_to_its_end() {
        let stdin = "x".repeat(1 << 20);
        let assignment = Assignment { stdin, ..python("import sys; print(len(sys.stdin.read())); sys.exit(2)") };
        let mut run = launch(&assignment);
        assert_eq!(run.next_event().await.expect("an event").expect("no error"), Event::Started);
        let transcript = finish(run).await;
        assert_eq!((outcome(&transcript), &transcript.stdout[..]), (Outcome::NonZeroExit, &b"1048576\n"[..]));
    }

    pub async fn a_cancelled_run_finishes_as_cancelled() {
        let mut run = launch(&python("import time; print(1, flush=True); time.sleep(600)"));
        while !matches!(run.next_event().await, Some(Ok(Event::Stdout { .. }))) {}
        run.cancel();
        assert_eq!(outcome(&finish(run).await), Outcome::Cancelled);
    }

    pub async fn a_run_cancelled_at_once_finishes_as_cancelled() {
        let run = launch(&python("import time; time.sleep(600)"));
        run.cancel();
        assert_eq!(outcome(&finish(run).await), Outcome::Cancelled);
    }

    pub async fn a_runner_that_dies_is_a_result_too() {
        let mut run = launch(&python("import time; print(1, flush=True); time.sleep(600)"));
        while !matches!(run.next_event().await, Some(Ok(Event::Stdout { .. }))) {}
        // This process' child waits for the runner, which is PID 1 of the run.
        let waits = child_of(std::process::id());
        let killed = std::process::Command::new("kill").args(["-KILL", &child_of(waits).to_string()]).status();
        assert!(killed.expect("the tests need kill").success());
        let transcript = finish(run).await;
        assert_eq!(outcome(&transcript), Outcome::RunnerFailed);
        assert!(transcript.result.expect("a result").error.contains("SIGKILL"));
    }

    fn child_of(parent: u32) -> u32 {
        let entries = std::fs::read_dir("/proc").expect("linux has /proc").flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let is_child = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line == format!("PPid:\t{parent}"))
        };
        pids.find(is_child).expect("it has a child")
    }

    pub async fn a_dropped_run_leaves_no_process() {
        let marker = marker("drop");
        let code = "import os, time\nif os.fork(): print(1, flush=True)\ntime.sleep(600)";
        let mut run = launch(&Assignment { args: vec![marker.clone()], ..python(code) });
        while !matches!(run.next_event().await, Some(Ok(Event::Stdout { .. }))) {}
        assert!(is_alive(&marker));
        drop(run);
        for _ in 0..500 {
            if !is_alive(&marker) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the program is still alive");
    }
}
