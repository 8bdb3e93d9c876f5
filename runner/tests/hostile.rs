//! The hostile programs against a run with no cluster: as whoever runs the tests and, where that is root, as an
//! ordinary user too; those in Python also in an interpreter that was waiting. After each, the machine is as it was and the next run is served.
//!
//! `cargo test -p locus-runner --test hostile -- <part of a name>` runs some of them.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
#[path = "hostile/case.rs"]
mod case;
#[cfg(target_os = "linux")]
mod common;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return checks::run();
    #[cfg(not(target_os = "linux"))]
    {
        println!("NOT RUN: hostile programs need Linux");
        ExitCode::SUCCESS
    }
}

#[cfg(target_os = "linux")]
mod checks {
    use std::fs::{self, Permissions};
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, ExitCode, Stdio};
    use std::sync::Arc;

    use libtest_mimic::{Arguments, Failed, Trial};
    use locus_core::{Assignment, CaseInput, Event, Network, Outcome, Prestart, Program, Standby, Transcript};
    use locus_runner::sandbox::Isolation;

    use crate::case::{self, Case, Place};
    use crate::common::{RUNNER, exec_args_with, file, python, standby, system_python, variable};

    /// Who starts the runner.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum User {
        /// Whoever runs the tests.
        Own,
        /// A user without rights; each case has one of its own.
        Ordinary(u32),
    }

    /// The first of the ordinary users.
    const FIRST_ORDINARY: u32 = 30_000;
    /// Where the runner's user ids begin when root starts it.
    const FIRST_HOST_USER: u32 = 2_000_000_000;

    pub fn run() -> ExitCode {
        let arguments = Arguments::from_args();
        let machine = Arc::new(Machine::new());
        let cases = case::all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile")));
        assert!(cases.len() >= 80, "there are {} cases", cases.len());
        let is_root = rustix::process::getuid().is_root();
        let can_compile = Command::new("gcc").arg("--version").stdout(Stdio::null()).status().is_ok();
        if !can_compile {
            assert!(std::env::var_os("CI").is_none(), "the hostile programs in C need gcc");
            println!("NOT RUN: the hostile programs in C: gcc is not installed");
        }
        let cases = cases.into_iter().filter(|case| can_compile || case.language != "c");
        let mut trials = Vec::new();
        for (number, case) in (0..).zip(cases.filter(|case| case.runs_in(Place::Embedded))) {
            let mut ways = vec![("", User::Own, false)];
            ways.extend((case.language == "py").then_some((" prestarted", User::Own, true)));
            ways.extend(is_root.then_some((" as an ordinary user", User::Ordinary(FIRST_ORDINARY + number), false)));
            for (way, user, prestarted) in ways {
                let (case, machine) = (case.clone(), machine.clone());
                let name = format!("{}{way}", case.name);
                trials.push(Trial::test(name, move || machine.withstands(&case, user, prestarted)));
            }
        }
        libtest_mimic::run(&arguments, trials).exit_code()
    }

    /// What is left standing when the sandbox holds.
    struct Machine {
        folder: tempfile::TempDir,
        canary: Child,
        standing: String,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            // An ordinary user has to reach the runner, which may stand in somebody's home.
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
            fs::copy(RUNNER, folder.path().join("locus-runner")).expect("the runner's binary is there");
            let secret = folder.path().join("secret");
            fs::write(&secret, "canary").expect("it is written");
            fs::set_permissions(&secret, Permissions::from_mode(0o666)).expect("it is ours");
            let canary = Command::new("sleep").arg("3600").spawn().expect("the tests need sleep");
            let standing = standing(&secret, canary.id());
            Self { folder, canary, standing }
        }

        fn withstands(&self, case: &Case, user: User, prestarted: bool) -> Result<(), Failed> {
            let assignment = assignment(case, user);
            let ready = prestarted.then(|| standby(&assignment));
            let (run, pid) = self.execute(&assignment, user, ready.as_ref());
            let result = run.result.ok_or("the runner ended without a result")?;
            let told = format!(
                "{} ({}), exit {:?}, signal {:?}\nstdout: {}\nstderr: {}\ncompiler: {}",
                result.outcome,
                result.error,
                result.exit_code,
                result.signal,
                head(&run.stdout),
                head(&run.stderr),
                result.compile.as_ref().map_or_else(String::new, |compile| head(compile.stderr.as_bytes())),
            );
            // Those that set what an interpreter reads at its start can't be handed to one.
            let early = |prestart: &Prestart| case.env().keys().any(|name| prestart.fixes(name));
            let suits = !assignment.program.prestart.as_ref().is_some_and(early);
            check(result.prestarted == (prestarted && suits), "prestarted is not told", &told)?;
            check(result.outcome == case.outcome(false), "the outcome is another", &told)?;
            if let Some(stdout) = case.stdout(false) {
                let cases: Vec<_> = run.cases.iter().map(|case| &case.stdout).collect();
                check(cases.len() == case.cases().len(), "not all of the cases were run", &told)?;
                let outputs = if cases.is_empty() { vec![&run.stdout] } else { cases };
                let other = outputs.into_iter().find(|output| **output != stdout.as_bytes());
                check(other.is_none(), "stdout is another", &format!("{:?}\n{told}", other.map(|bytes| head(bytes))))?;
            }
            let ends = run.cases.iter().map(|case| case.end.as_ref().map(|end| end.outcome));
            check(ends.into_iter().all(|end| end == Some(Outcome::Completed)), "a case did not complete", &told)?;
            check(
                case.signal().is_none_or(|signal| result.signal.as_deref() == Some(signal)),
                "the signal is another",
                &told,
            )?;
            check(case.exit().is_none_or(|exit| result.exit_code == Some(exit)), "the exit status is another", &told)?;
            let limit = usize::try_from(case.limits().output_bytes)?;
            check(run.stdout.len() <= limit && run.stderr.len() <= limit, "there is more output than allowed", &told)?;
            check(!String::from_utf8_lossy(&run.stdout).contains("canary"), "the canary was read", &told)?;
            let left = match user {
                User::Ordinary(id) => processes_of(id),
                User::Own if rustix::process::getuid().is_root() => processes_of(FIRST_HOST_USER + pid),
                User::Own => descendants_of(pid),
            };
            check(left.is_empty(), "processes are left", &format!("{left:?}"))?;
            let secret = self.folder.path().join("secret");
            let standing = standing(&secret, self.canary.id());
            check(
                standing == self.standing,
                "the machine was touched",
                &format!("{standing}\nnot\n{}", self.standing),
            )?;
            self.serves_the_next(user)
        }

        fn serves_the_next(&self, user: User) -> Result<(), Failed> {
            let code = "import os; print(sorted(os.listdir('.')), os.listdir('/tmp'), os.listdir('/dev/shm'))";
            let mut next = python(code);
            if user != User::Own {
                next.program = system_python();
            }
            let (run, _) = self.execute(&next, user, None);
            let result = run.result.ok_or("the next run ended without a result")?;
            let told = format!("{} {}", result.outcome, head(&run.stdout));
            check(
                result.outcome == Outcome::Completed && run.stdout == b"['main.py'] [] []\n",
                "the next run is not as ever",
                &told,
            )
        }

        /// Runs it; the second value is the process that waited for the run.
        fn execute(&self, assignment: &Assignment, user: User, ready: Option<&Standby>) -> (Transcript, u32) {
            let mut command = Command::new(self.folder.path().join("locus-runner"));
            command
                .args(exec_args_with(Isolation::Namespaces, assignment, ready))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .current_dir("/");
            if let User::Ordinary(id) = user {
                command.uid(id).gid(id).env("HOME", "/nonexistent");
            }
            let mut child = command.spawn().expect("the runner's binary starts");
            let json = serde_json::to_vec(assignment).expect("an assignment serializes");
            child.stdin.take().expect("a pipe").write_all(&json).expect("the runner reads its assignment");
            let mut transcript = Transcript::default();
            for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
                let event: Event = serde_json::from_str(&line.expect("a line")).expect("a line is an event");
                assert!(transcript.result.is_none(), "nothing follows the result: {event:?}");
                transcript.push(event, usize::MAX);
            }
            let pid = child.id();
            assert!(child.wait().expect("it is ours").success());
            (transcript, pid)
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = self.canary.kill().and_then(|()| self.canary.wait());
        }
    }

    fn check(holds: bool, what: &str, told: &str) -> Result<(), Failed> {
        if holds { Ok(()) } else { Err(format!("{what}: {told}").into()) }
    }

    fn head(bytes: &[u8]) -> String {
        String::from_utf8_lossy(&bytes[..bytes.len().min(1000)]).into_owned()
    }

    /// The canary file and the canary process, with all that a stranger might change of them.
    fn standing(secret: &Path, canary: u32) -> String {
        let proc = PathBuf::from(format!("/proc/{canary}"));
        let read = |name: &str| fs::read_to_string(proc.join(name)).unwrap_or_default();
        let status = read("status");
        let kept = |line: &&str| ["Cpus_allowed", "Threads", "TracerPid"].iter().any(|key| line.starts_with(key));
        let status: Vec<&str> = status.lines().filter(kept).collect();
        let stopped = [" Z", " T", " t", " X"];
        let lives =
            read("stat").rsplit_once(')').is_some_and(|(_, rest)| !stopped.iter().any(|state| rest.starts_with(state)));
        let nice = read("stat").rsplit_once(')').and_then(|(_, rest)| rest.split(' ').nth(17).map(str::to_owned));
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{:?} {status:?} {lives} {nice:?} {} {host}", fs::read_to_string(secret), read("limits"))
    }

    fn assignment(case: &Case, user: User) -> Assignment {
        let python_program = if user == User::Own { python("").program } else { system_python() };
        let argv = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let program = |language: &str, compile: Option<Vec<String>>, run| Program {
            language: language.into(),
            compile,
            run,
            path: Vec::new(),
            env: Vec::new(),
            readable: Vec::new(),
            prestart: None,
        };
        let program = match case.language.as_str() {
            "py" => python_program,
            "sh" => program("shell", None, argv(&["/bin/sh", "{main}"])),
            "c" => program("c", Some(argv(&["gcc", "-O1", "-pthread", "-o", "main", "{main}"])), argv(&["./main"])),
            other => panic!("{} is in an unknown language {other}", case.name),
        };
        Assignment {
            uid: "hostile".into(),
            program,
            files: vec![file(&format!("main.{}", case.language), &case.source)],
            stdin: case.stdin(),
            args: case.args(),
            env: case.env().iter().map(|(name, value)| variable(name, value)).collect(),
            compile_args: case.compile_args(),
            limits: case.limits(),
            compile_limits: None,
            network: Network::None,
            stderr_to_stdout: false,
            interactive: false,
            output_files: Vec::new(),
            cases: case.cases().into_iter().map(|stdin| CaseInput { stdin, args: Vec::new() }).collect(),
        }
    }

    fn processes_of(user: u32) -> Vec<String> {
        processes(|status| status.lines().any(|line| line.starts_with(&format!("Uid:\t{user}\t"))))
    }

    fn descendants_of(parent: u32) -> Vec<String> {
        processes(|status| status.lines().any(|line| line == format!("PPid:\t{parent}")))
    }

    fn processes(wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let entries = fs::read_dir("/proc").expect("linux has /proc").flatten();
        let statuses = entries.filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
        statuses.filter(|status| wanted(status)).collect()
    }
}
