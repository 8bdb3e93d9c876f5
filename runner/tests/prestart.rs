//! A prestarted run is to the byte what a plain one is: each program of `prestart/<language>/` runs both ways. What a case
//! needs beside its program stands in a `.json` of the same name.
//!
//! `cargo test -p locus-runner --test prestart -- <part of a name>` runs some of them.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod common;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return checks::run();
    #[cfg(not(target_os = "linux"))]
    {
        println!("NOT RUN: runs need Linux");
        ExitCode::SUCCESS
    }
}

#[cfg(target_os = "linux")]
mod checks {
    use std::collections::BTreeMap;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::path::{Path, PathBuf};
    use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use base64::Engine as _;
    use libtest_mimic::{Arguments, Failed, Trial};
    use locus_core::{
        Assignment, Encoding, Event, Limits, LimitsRequest, Network, Outcome, SourceFile, Standby, Transcript,
    };
    use locus_runner::sandbox::Isolation;
    use locus_runner::toolchain::Toolchain;

    use crate::common::{RUNNER, children_of, exec_args_with, file, variable};

    const FEWEST: usize = 35;
    /// What an interactive run is sent, behind the end of its assignment.
    const LINES: [&[u8]; 3] = [b"\none\n", b"tw", b"o\n\xff"];

    /// What stands beside a program.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields, default)]
    struct Case {
        main: Option<String>,
        stdin: String,
        repeat_stdin: usize,
        args: Vec<String>,
        repeat_args: usize,
        env: BTreeMap<String, String>,
        files: BTreeMap<String, String>,
        limits: LimitsRequest,
        /// Whether [`LINES`] are sent while it runs.
        interactive: bool,
        /// Whether a waiting interpreter is used.
        prestarted: bool,
        /// Whether it shows that lines are written when they are whole.
        shows_lines: bool,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                main: None,
                stdin: String::new(),
                repeat_stdin: 1,
                args: Vec::new(),
                repeat_args: 1,
                env: BTreeMap::new(),
                files: BTreeMap::new(),
                limits: LimitsRequest::default(),
                interactive: false,
                prestarted: true,
                shows_lines: false,
            }
        }
    }

    type Check = fn(&Machine) -> Result<(), Failed>;

    /// A language of this machine, and what is held ready for it.
    struct Machine {
        standby: Standby,
        main: String,
    }

    pub fn run() -> ExitCode {
        let arguments = Arguments::from_args();
        let mut trials = Vec::new();
        for id in ["python", "javascript"] {
            let language = locus_languages::find(locus_languages::all(), id).expect("it is a language");
            let Some(toolchain) = Toolchain::probe(language) else {
                assert!(std::env::var_os("CI").is_none() && id != "python", "the tests need {id}");
                println!("NOT RUN: {id} is not installed");
                continue;
            };
            let limits = language.default_limits(Limits::DEFAULT, Limits::MAXIMUM);
            let standby = Standby { program: toolchain.program, limits, network: Network::None };
            let machine = Arc::new(Machine { standby, main: language.file_name.clone() });
            let programs = programs(&Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prestart")).join(id));
            assert!(programs.len() >= FEWEST, "there are {} cases", programs.len());
            for path in programs {
                let machine = machine.clone();
                let name = format!("{id}/{}", path.file_name().expect("a file").display());
                trials.push(Trial::test(name, move || machine.runs_the_same_both_ways(&path)));
            }
            let named: [(&str, Check); 5] = [
                ("what is random is fresh in each run", Machine::is_fresh_each_time),
                ("an interpreter killed while it waits is made up for", Machine::survives_a_kill),
                ("a waiting interpreter that stands still is given up by a cancel", Machine::gives_up_when_cancelled),
                ("what was used before the run does not count", Machine::counts_the_run_alone),
                ("a runner without a run leaves with its interpreter", Machine::leaves_nobody),
            ];
            for (name, check) in named {
                let machine = machine.clone();
                trials.push(Trial::test(format!("{id}: {name}"), move || check(&machine)));
            }
        }
        libtest_mimic::run(&arguments, trials).exit_code()
    }

    fn programs(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder of the cases");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a case").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension != "json"));
        paths.sort();
        paths
    }

    /// A runner that has not been given its run yet.
    struct Idle {
        child: Child,
        stdin: ChildStdin,
    }

    impl Machine {
        fn assignment(&self, code: &str) -> Assignment {
            Assignment {
                uid: "run".into(),
                program: self.standby.program.clone(),
                files: vec![file(&self.main, code)],
                stdin: String::new(),
                args: Vec::new(),
                env: Vec::new(),
                compile_args: Vec::new(),
                limits: self.standby.limits,
                compile_limits: None,
                network: Network::None,
                stderr_to_stdout: false,
                interactive: false,
                output_files: Vec::new(),
                cases: Vec::new(),
            }
        }

        fn is_python(&self) -> bool {
            self.standby.program.language == "python"
        }

        fn read(&self, path: &Path) -> (Assignment, Case) {
            let mut case: Case = std::fs::read_to_string(path.with_extension("json")).map_or_else(
                |_| Case::default(),
                |json| serde_json::from_str(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
            );
            let bytes = std::fs::read(path).expect("a case");
            let mut assignment = self.assignment("");
            assignment.files = vec![SourceFile {
                name: case.main.take().unwrap_or_else(|| self.main.clone()),
                content: base64::engine::general_purpose::STANDARD.encode(bytes),
                encoding: Encoding::Base64,
            }];
            assignment.files.extend(case.files.iter().map(|(name, content)| file(name, content)));
            assignment.stdin = case.stdin.repeat(case.repeat_stdin);
            assignment.args = std::iter::repeat_n(&case.args, case.repeat_args).flatten().cloned().collect();
            assignment.env = case.env.iter().map(|(name, value)| variable(name, value)).collect();
            assignment.interactive = case.interactive;
            assignment.limits = Limits::clamp(case.limits, assignment.limits, Limits::MAXIMUM);
            (assignment, case)
        }

        fn runs_the_same_both_ways(&self, path: &Path) -> Result<(), Failed> {
            let (assignment, case) = self.read(path);
            let plain = self.idle(false).run(&assignment);
            let prestarted = self.idle(true).run(&assignment);
            same(("plain", &plain), ("prestarted", &prestarted))?;
            // What the language's own variables have an interpreter load leaves no trace either.
            let mut bare = assignment.clone();
            (bare.program.env, bare.program.prestart) = (Vec::new(), None);
            if bare.program.env != assignment.program.env && !case.shows_lines {
                same(("with no hook", &self.idle(false).run(&bare)), ("plain", &plain))?;
            }
            let used = [plain, prestarted].map(|transcript| transcript.result.expect("a result").prestarted);
            if used == [false, case.prestarted] { Ok(()) } else { Err(format!("prestarted: {used:?}").into()) }
        }

        fn is_fresh_each_time(&self) -> Result<(), Failed> {
            let code = if self.is_python() {
                "import random, uuid; print(hash('x'), random.random(), uuid.uuid4(), list({'a', 'b', 'c', 'd', 'e'}))"
            } else {
                "console.log(Math.random(), crypto.randomUUID(), require('crypto').randomBytes(8))"
            };
            let runs = [(); 2].map(|()| self.idle(true).run(&self.assignment(code)));
            for run in &runs {
                prestarted(run, true)?;
            }
            if runs[0].stdout == runs[1].stdout { Err("two runs drew the same".into()) } else { Ok(()) }
        }

        fn survives_a_kill(&self) -> Result<(), Failed> {
            let idle = self.idle(true);
            signal(idle.interpreter(), "KILL");
            let run = idle.run(&self.assignment("print(1)"));
            prestarted(&run, false)?;
            let outcome = run.result.as_ref().expect("a result").outcome;
            // It is no JavaScript, but it ran.
            let expected = if self.is_python() { Outcome::Completed } else { Outcome::NonZeroExit };
            if outcome == expected { Ok(()) } else { Err(format!("{outcome}: {run:?}").into()) }
        }

        fn gives_up_when_cancelled(&self) -> Result<(), Failed> {
            let idle = self.idle(true);
            let interpreter = idle.interpreter();
            signal(interpreter, "STOP");
            let runner = idle.child.id();
            let cancel = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                signal(runner, "TERM");
            });
            let begin = Instant::now();
            let run = idle.run(&self.assignment("print(1)"));
            cancel.join().map_err(|_| "the canceller panicked")?;
            let outcome = run.result.as_ref().expect("a result").outcome;
            if begin.elapsed() > Duration::from_secs(8) || is_alive(interpreter) {
                return Err("the cancel was not heard".into());
            }
            if outcome == Outcome::Cancelled { Ok(()) } else { Err(format!("{outcome}").into()) }
        }

        fn counts_the_run_alone(&self) -> Result<(), Failed> {
            let code = if self.is_python() { "print(1)" } else { "console.log(1)" };
            let idle = self.idle(true);
            idle.interpreter();
            std::thread::sleep(Duration::from_millis(1200));
            let run = idle.run(&self.assignment(code));
            prestarted(&run, true)?;
            let plain = self.idle(false).run(&self.assignment(code));
            let usage = |run: &Transcript| run.result.as_ref().expect("a result").usage;
            let (early, late) = (usage(&run), usage(&plain));
            if early.wall_seconds > 1.0 {
                return Err(format!("the wait was counted: {early:?}").into());
            }
            // The interpreter's own start costs more than anything that follows.
            if early.cpu_seconds >= late.cpu_seconds {
                return Err(format!("the start was counted: {early:?}, plainly {late:?}").into());
            }
            // Its memory is the program's either way.
            if early.memory_peak_bytes * 2 < late.memory_peak_bytes {
                return Err(format!("memory was not counted: {early:?}, plainly {late:?}").into());
            }
            Ok(())
        }

        fn leaves_nobody(&self) -> Result<(), Failed> {
            let mut idle = self.idle(true);
            let interpreter = idle.interpreter();
            drop(idle.stdin);
            if !idle.child.wait()?.success() {
                return Err("the runner failed".into());
            }
            if is_alive(interpreter) { Err("the interpreter is alive".into()) } else { Ok(()) }
        }

        fn idle(&self, ready: bool) -> Idle {
            let standby = ready.then_some(&self.standby);
            let mut child = Command::new(RUNNER)
                .args(exec_args_with(Isolation::Namespaces, &self.assignment(""), standby))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the runner's binary starts");
            let stdin = child.stdin.take().expect("a pipe");
            Idle { child, stdin }
        }
    }

    impl Idle {
        /// The interpreter, once it waits. It reads from its socket then.
        fn interpreter(&self) -> u32 {
            let deadline = Instant::now() + Duration::from_secs(10);
            loop {
                let found = children_of(self.child.id()).into_iter().flat_map(children_of).find(|interpreter| {
                    let stack = std::fs::read_to_string(format!("/proc/{interpreter}/wchan")).unwrap_or_default();
                    let cpu = std::fs::read_to_string(format!("/proc/{interpreter}/stat")).unwrap_or_default();
                    stack.contains("unix") || stack.contains("sk_wait") || (stack == "0" && cpu.contains(") S "))
                });
                if let Some(found) = found {
                    // Whoever waits for a number of other things at its start is through with them by then.
                    std::thread::sleep(Duration::from_millis(200));
                    return found;
                }
                assert!(Instant::now() < deadline, "no interpreter waits");
                std::thread::sleep(Duration::from_millis(5));
            }
        }

        fn run(mut self, assignment: &Assignment) -> Transcript {
            let json = serde_json::to_vec(assignment).expect("an assignment serializes");
            self.stdin.write_all(&json).expect("the runner reads its assignment");
            if assignment.interactive {
                for line in LINES {
                    self.stdin.write_all(line).expect("the runner reads on");
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
            drop(self.stdin);
            let mut transcript = Transcript::default();
            for line in BufReader::new(self.child.stdout.take().expect("a pipe")).lines() {
                let event: Event = serde_json::from_str(&line.expect("a line")).expect("a line is an event");
                transcript.push(event, usize::MAX);
            }
            assert!(self.child.wait().expect("it is ours").success());
            transcript
        }
    }

    fn prestarted(run: &Transcript, wanted: bool) -> Result<(), Failed> {
        let result = run.result.as_ref().expect("a result");
        if result.prestarted == wanted { Ok(()) } else { Err(format!("prestarted is {}", result.prestarted).into()) }
    }

    /// The kernel gives each process other addresses, so some differ between two plain runs too.
    fn without_addresses(text: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            kept.push(*first);
            rest = after;
            if kept.ends_with(b"0x") {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                rest = if digits < 6 { rest } else { &rest[digits..] };
            }
        }
        kept
    }

    fn same((one, a): (&str, &Transcript), (other, b): (&str, &Transcript)) -> Result<(), Failed> {
        for (what, a, b) in [("stdout", &a.stdout, &b.stdout), ("stderr", &a.stderr, &b.stderr)] {
            let (a, b) = (without_addresses(a), without_addresses(b));
            if a != b {
                let at = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
                let around = |bytes: &[u8]| {
                    let (from, to) = (at.saturating_sub(80).min(bytes.len()), (at + 400).min(bytes.len()));
                    String::from_utf8_lossy(&bytes[from..to]).into_owned()
                };
                return Err(
                    format!("{what} differs at byte {at}\n{one}: {}\n{other}: {}", around(&a), around(&b)).into()
                );
            }
        }
        let told = |transcript: &Transcript| {
            let result = transcript.result.as_ref().expect("a result");
            (result.outcome, result.exit_code, result.signal.clone(), result.error.clone())
        };
        if told(a) == told(b) { Ok(()) } else { Err(format!("{:?} became {:?}", told(a), told(b)).into()) }
    }

    fn signal(process: u32, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
        assert!(sent.expect("the tests need kill").success());
    }

    fn is_alive(process: u32) -> bool {
        std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }
}
