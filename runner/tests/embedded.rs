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
        let launcher = locus_runner::embedded::Launcher::probe(locus_core::Network::None).expect("the runner answers");
        checks::the_sandbox_is_told(&launcher);
        runtime.block_on(checks::a_run_is_told_from_its_start_to_its_end(&launcher));
        runtime.block_on(checks::a_cancelled_run_finishes_as_cancelled(&launcher));
        runtime.block_on(checks::a_run_cancelled_at_once_finishes_as_cancelled(&launcher));
        runtime.block_on(checks::a_runner_that_dies_is_a_result_too(&launcher));
        runtime.block_on(checks::a_dropped_run_leaves_no_process(&launcher));
        runtime.block_on(checks::a_cgroup_counts_memory_that_no_process_shows(&launcher));
        runtime.block_on(checks::each_case_has_all_of_the_memory_and_finds_no_object_of_another(&launcher));
        runtime.block_on(checks::a_waiting_interpreter_is_for_the_first_case(&launcher));
        runtime.block_on(checks::input_is_sent_while_an_event_is_waited_for(&launcher));
        runtime.block_on(checks::input_waits_within_bounds_and_is_refused_where_nobody_reads(&launcher));
        runtime.block_on(checks::files_are_told_before_the_end(&launcher));
        runtime.block_on(checks::a_second_run_finds_an_interpreter_ready(&launcher));
        runtime.block_on(checks::a_spare_that_has_died_is_made_up_for(&launcher));
        runtime.block_on(checks::many_runs_at_once_do_not_wait_for_a_spare_runner(&launcher));
    }
    ExitCode::SUCCESS
}

#[cfg(target_os = "linux")]
mod checks {
    use std::time::Duration;

    use locus_core::{Assignment, CaseInput, Event, Limits, Outcome, Transcript};
    use locus_runner::embedded::{EmbeddedRun, InputError, Launcher};
    use locus_runner::journal::Journal;
    use locus_runner::sandbox::Isolation;

    use crate::common::{children_of, is_alive, marker, python};

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

    pub fn the_sandbox_is_told(launcher: &Launcher) {
        let report = launcher.report();
        assert_eq!((report.isolation, &report.weakness), (Some(Isolation::Namespaces), &None));
        let missing: Vec<_> = report.layers.iter().filter(|layer| !layer.in_force).collect();
        assert!(missing.iter().all(|layer| layer.name == "cgroup-limits"), "{missing:?}");
    }

    pub async fn a_run_is_told_from_its_start_to_its_end(launcher: &Launcher) {
        let stdin = "x".repeat(1 << 20);
        let assignment = Assignment { stdin, ..python("import sys; print(len(sys.stdin.read())); sys.exit(2)") };
        let mut run = launcher.launch(assignment).await.expect("it starts");
        assert_eq!(run.next_event().await.expect("an event").expect("no error"), Event::Started);
        let transcript = finish(run).await;
        assert_eq!((outcome(&transcript), &transcript.stdout[..]), (Outcome::NonZeroExit, &b"1048576\n"[..]));
    }

    pub async fn a_cancelled_run_finishes_as_cancelled(launcher: &Launcher) {
        let mut run =
            launcher.launch(python("import time; print(1, flush=True); time.sleep(600)")).await.expect("it starts");
        while !matches!(run.next_event().await, Some(Ok(Event::Stdout { .. }))) {}
        run.cancel();
        assert_eq!(outcome(&finish(run).await), Outcome::Cancelled);
    }

    pub async fn a_run_cancelled_at_once_finishes_as_cancelled(launcher: &Launcher) {
        let run = launcher.launch(python("import time; time.sleep(600)")).await.expect("it starts");
        run.cancel();
        assert_eq!(outcome(&finish(run).await), Outcome::Cancelled);
    }

    pub async fn a_runner_that_dies_is_a_result_too(launcher: &Launcher) {
        let mut run =
            launcher.launch(python("import time; print(1, flush=True); time.sleep(600)")).await.expect("it starts");
        while !matches!(run.next_event().await, Some(Ok(Event::Stdout { .. }))) {}
        // This process' child waits for the runner, which is PID 1 of the run.
        let runners = children_of(std::process::id()).into_iter().flat_map(children_of);
        let runner =
            runners.into_iter().find(|runner| !children_of(*runner).is_empty()).expect("there is a run").to_string();
        let killed = std::process::Command::new("kill").args(["-KILL", &runner]).status();
        assert!(killed.expect("the tests need kill").success());
        let transcript = finish(run).await;
        assert_eq!(outcome(&transcript), Outcome::RunnerFailed);
        assert!(transcript.result.expect("a result").error.contains("SIGKILL"));
    }

    /// The language's own limits, as a request has that asks for none.
    fn usual(code: &str) -> Assignment {
        let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        let limits = language.default_limits(Limits::DEFAULT, Limits::MAXIMUM);
        Assignment { limits, ..python(code) }
    }

    pub async fn a_second_run_finds_an_interpreter_ready(launcher: &Launcher) {
        finish(launcher.launch(usual("print(1)")).await.expect("it starts")).await;
        for number in 0..3 {
            let run = launcher.launch(usual(&format!("print({number})"))).await.expect("it starts");
            let transcript = finish(run).await;
            assert_eq!(transcript.stdout, format!("{number}\n").as_bytes());
            assert!(transcript.result.expect("a result").prestarted, "run {number}");
        }
        // One that asks for more is started plainly, by the same spare runner.
        let more = Limits { memory_bytes: Limits::MAXIMUM.memory_bytes, ..usual("").limits };
        let run = launcher.launch(Assignment { limits: more, ..usual("print('more')") }).await.expect("it starts");
        let transcript = finish(run).await;
        assert_eq!((outcome(&transcript), &transcript.stdout[..]), (Outcome::Completed, &b"more\n"[..]));
        assert!(!transcript.result.expect("a result").prestarted);
    }

    pub async fn a_spare_that_has_died_is_made_up_for(launcher: &Launcher) {
        finish(launcher.launch(usual("")).await.expect("it starts")).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let spares = children_of(std::process::id());
        assert!(!spares.is_empty(), "a spare runner waits");
        for spare in spares {
            let _ = std::process::Command::new("kill").args(["-KILL", &spare.to_string()]).status();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let transcript = finish(launcher.launch(usual("print(1)")).await.expect("it starts")).await;
        assert_eq!((outcome(&transcript), &transcript.stdout[..]), (Outcome::Completed, &b"1\n"[..]));
    }

    pub async fn a_cgroup_counts_memory_that_no_process_shows(launcher: &Launcher) {
        let layer = launcher.report().layers.iter().find(|layer| layer.name == "cgroup-limits").expect("it is told");
        if !layer.in_force {
            assert!(!rustix::process::getuid().is_root(), "root can make cgroups: {}", layer.detail);
            println!("NOT RUN: memory in a cgroup: {}", layer.detail);
            return;
        }
        for code in [
            "import os, time\nfor n in range(32): os.write(os.memfd_create('x'), bytes(16 << 20))\ntime.sleep(5); print('broken')",
            "import mmap, time\nm = mmap.mmap(-1, 400 << 20)\nfor n in range(400): m[n << 20] = 1; m.write(bytes(1 << 20))\ntime.sleep(5)",
            "held = []\nwhile True: held.append(bytearray(b'x') * (8 << 20))",
            "import mmap\nwith mmap.mmap(-1, 160 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000) as m: m[0] = 1",
        ] {
            let mut assignment = python(code);
            (assignment.limits.memory_bytes, assignment.limits.file_bytes) = (128 << 20, 64 << 20);
            let transcript = finish(launcher.launch(assignment).await.expect("it starts")).await;
            assert_eq!(outcome(&transcript), Outcome::OutOfMemory, "{code}: {transcript:?}");
        }
        // Its resident set holds all of the file, which is in a folder that is bounded by itself.
        let code = "
import mmap
with open('/work/f', 'w+b') as f:
    for _ in range(50): f.write(bytes(1 << 20))
    f.flush()
    with mmap.mmap(f.fileno(), 0) as mapped: print(mapped.find(b'x'))
";
        let mut assignment = python(code);
        (assignment.limits.memory_bytes, assignment.limits.file_bytes) = (40 << 20, 64 << 20);
        let mapped = finish(launcher.launch(assignment).await.expect("it starts")).await;
        assert_eq!((outcome(&mapped), &mapped.stdout[..]), (Outcome::Completed, &b"-1\n"[..]), "{mapped:?}");
        let next = finish(launcher.launch(python("print('as ever')")).await.expect("it starts")).await;
        assert_eq!((outcome(&next), &next.stdout[..]), (Outcome::Completed, &b"as ever\n"[..]));
    }

    fn with_cases(assignment: Assignment, count: usize) -> Assignment {
        let case = |number: usize| CaseInput { stdin: number.to_string(), args: Vec::new() };
        Assignment { cases: (0..count).map(case).collect(), ..assignment }
    }

    pub async fn each_case_has_all_of_the_memory_and_finds_no_object_of_another(launcher: &Launcher) {
        let code = "
import ctypes, os, time
libc = ctypes.CDLL(None)
found = [libc.shmget(77, 4096, 0) >= 0, libc.msgget(77, 0) >= 0, libc.semget(77, 1, 0) >= 0]
made = [libc.shmget(77, 30 << 20, 0o1666), libc.msgget(77, 0o1666), libc.semget(77, 1, 0o1666)]
libc.shmat.restype = ctypes.c_void_p
if made[0] >= 0: ctypes.memset(libc.shmat(made[0], None, 0), 1, 30 << 20)
for folder in ('/tmp', '/dev/shm'):
    with open(folder + '/left', 'wb') as left: left.write(bytes(15 << 20))
block = bytearray(b'x') * (40 << 20)
time.sleep(0.2)
print(found, [one >= 0 for one in made])
";
        let mut assignment = with_cases(python(code), 5);
        (assignment.limits.memory_bytes, assignment.limits.file_bytes) = (128 << 20, 64 << 20);
        let transcript = finish(launcher.launch(assignment).await.expect("it starts")).await;
        assert_eq!(outcome(&transcript), Outcome::Completed, "{:?}", transcript.result);
        assert_eq!(transcript.cases.len(), 5);
        let layer = launcher.report().layers.iter().find(|layer| layer.name == "cgroup-limits").expect("it is told");
        let made = if layer.in_force { "[True, True, True]" } else { "[False, False, False]" };
        for case in &transcript.cases {
            assert_eq!(case.end.as_ref().expect("it has ended").outcome, Outcome::Completed, "{:?}", case.end);
            assert_eq!(String::from_utf8_lossy(&case.stdout), format!("[False, False, False] {made}\n"));
        }
    }

    pub async fn a_waiting_interpreter_is_for_the_first_case(launcher: &Launcher) {
        finish(launcher.launch(usual("")).await.expect("it starts")).await;
        let code = "import os, sys; print(sys.stdin.read(), sys.argv, sorted(os.environ), os.listdir('/tmp'))";
        let transcript = finish(launcher.launch(with_cases(usual(code), 3)).await.expect("it starts")).await;
        assert!(transcript.result.as_ref().expect("a result").prestarted);
        for (number, case) in transcript.cases.iter().enumerate() {
            let line = format!("{number} ['main.py'] ['HOME', 'LANG', 'PATH'] []\n");
            assert_eq!(String::from_utf8_lossy(&case.stdout), line, "{transcript:?}");
        }
    }

    pub async fn input_is_sent_while_an_event_is_waited_for(launcher: &Launcher) {
        let code = "
print('?', flush=True)
while (line := input()) != 'done': print('got', line, flush=True)
import sys; print(len(sys.stdin.read()))
";
        finish(launcher.launch(usual("")).await.expect("it starts")).await;
        for prestarted in [true, false] {
            let assignment = Assignment { interactive: true, ..usual(code) };
            // A variable that is read early has no waiting interpreter.
            let env = if prestarted { vec![] } else { vec![crate::common::variable("PYTHONUTF8", "1")] };
            let mut run = launcher.launch(Assignment { env, ..assignment }).await.expect("it starts");
            let (stdin, journal) = (run.stdin(), Journal::new());
            let mut reader = journal.reader();
            let told = tokio::spawn(async move {
                while let Some(event) = run.next_event().await {
                    journal.push(event.expect("an event"));
                }
                let result = journal.finished().await;
                (result, journal)
            });
            let mut seen = String::new();
            for (waits_for, send) in [("?\n", "one\n"), ("got one\n", "two\ndone\n"), ("got two\n", "")] {
                while !seen.ends_with(waits_for) {
                    match reader.next().await.expect("it goes on") {
                        Event::Stdout { data } => seen.push_str(&String::from_utf8(data).expect("text")),
                        event => assert_eq!(event, Event::Started),
                    }
                }
                assert!(stdin.send(send.as_bytes(), None, false).is_ok());
            }
            let rest = vec![b'x'; 300 << 10];
            let taken = stdin.send(&rest, Some(13), true).expect("it is taken");
            assert_eq!(taken, 13 + rest.len() as u64);
            assert_eq!(stdin.send(b"more", None, false), Err(InputError::Ended));
            // A reader hears what the journal still holds.
            let (result, _journal) = told.await.expect("no panic");
            assert_eq!((result.outcome, result.prestarted), (Outcome::Completed, prestarted), "{}", result.error);
            assert_eq!(reader.next().await, Some(Event::Stdout { data: b"307200\n".to_vec() }));
            assert_eq!(stdin.send(b"more", None, false), Err(InputError::Over));
        }
    }

    pub async fn input_waits_within_bounds_and_is_refused_where_nobody_reads(launcher: &Launcher) {
        let run = launcher.launch(python("")).await.expect("it starts");
        assert_eq!(run.stdin().send(b"x", None, false), Err(InputError::NotInteractive));
        finish(run).await;
        let assignment = Assignment { interactive: true, ..python("import time; time.sleep(600)") };
        let run = launcher.launch(assignment).await.expect("it starts");
        let (stdin, canceller) = (run.stdin(), run.canceller());
        let ended = tokio::spawn(finish(run));
        let chunk = vec![b'x'; 64 << 10];
        let full = loop {
            match stdin.send(&chunk, None, false) {
                // What is under way is in pipes.
                Ok(taken) => assert!(taken < 4 << 20),
                Err(error) => break error,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(matches!(full, InputError::Full { .. }), "{full}");
        canceller.cancel();
        assert_eq!(outcome(&ended.await.expect("no panic")), Outcome::Cancelled);
        assert_eq!(stdin.send(b"x", None, false), Err(InputError::Over));

        let assignment = Assignment { interactive: true, ..python("import os, time; os.close(0); time.sleep(600)") };
        let run = launcher.launch(assignment).await.expect("it starts");
        let stdin = run.stdin();
        while stdin.send(b"x", None, false) != Err(InputError::Ended) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(run);
        assert_eq!(stdin.send(b"x", None, false), Err(InputError::Over));
    }

    pub async fn files_are_told_before_the_end(launcher: &Launcher) {
        let code = "import os; open('a', 'wb').write(os.urandom(3 << 20)); open('b', 'wb').write(bytes(2 << 20))";
        let assignment = Assignment { output_files: vec!["*".into()], ..python(code) };
        let transcript = finish(launcher.launch(assignment).await.expect("it starts")).await;
        let names: Vec<_> = transcript.files.iter().map(|(name, data)| (name.as_str(), data.len())).collect();
        assert_eq!((names[0], names[1].0), (("a", 3 << 20), "main.py"));
        assert_eq!(transcript.result.expect("a result").files_left[0].name, "b");
    }

    pub async fn many_runs_at_once_do_not_wait_for_a_spare_runner(launcher: &Launcher) {
        let runs = (0..8).map(|number| async move {
            let run = launcher.launch(python(&format!("print({number})"))).await.expect("it starts");
            (number, finish(run).await)
        });
        for (number, transcript) in futures::future::join_all(runs).await {
            assert_eq!(transcript.stdout, format!("{number}\n").as_bytes());
        }
    }

    pub async fn a_dropped_run_leaves_no_process(launcher: &Launcher) {
        let marker = marker("drop");
        // Its child's command line tells the marker also where the program itself was started before it had one; the child
        // says that it has come so far.
        let code = "
import subprocess, sys, time
subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)', sys.argv[1]])
time.sleep(600)
";
        let mut run =
            launcher.launch(Assignment { args: vec![marker.clone()], ..python(code) }).await.expect("it starts");
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
