//! The command line.

use std::io::Read as _;
use std::process::ExitCode;

use locus_core::{Assignment, Limits, RunRequest};
use locus_languages::Language;
use serde::Serialize;

use crate::sandbox::Isolation;
use crate::toolchain::Toolchain;

const USAGE: &str = "usage: locus-runner run [--allow-weak-sandbox] '<json>' | run - | serve | exec namespaces [<memory cgroup>] | exec landlock | probe";

/// The runner's main; `args` are the arguments after the program's name.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", json] => run(json, false),
        ["run", "--allow-weak-sandbox", json] => run(json, true),
        ["serve"] => platform::serve(),
        ["exec", "namespaces"] => platform::exec(Isolation::Namespaces, None),
        ["exec", "namespaces", cgroup] => platform::exec(Isolation::Namespaces, Some(cgroup)),
        ["exec", "landlock"] => platform::exec(Isolation::Landlock, None),
        ["probe"] => platform::probe(),
        _ => fail(USAGE),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("locus-runner: {message}");
    ExitCode::from(2)
}

/// What `run` prints: the contract that scripts rely on.
#[derive(Default, Serialize)]
struct Answer {
    stdout: String,
    stderr: String,
    error: String,
}

fn run(json: &str, weak_will_do: bool) -> ExitCode {
    let (answer, code) = match read(json).and_then(|json| prepare(&json)) {
        Ok(assignment) => platform::run(&assignment, weak_will_do),
        Err(error) => (Answer { error, ..Answer::default() }, ExitCode::from(2)),
    };
    println!("{}", serde_json::to_string(&answer).expect("three strings serialize"));
    code
}

fn read(json: &str) -> Result<String, String> {
    if json != "-" {
        return Ok(json.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| format!("stdin can't be read: {error}"))?;
    Ok(text)
}

/// Everything that can be refused before anything runs.
fn prepare(json: &str) -> Result<Assignment, String> {
    let request: RunRequest = serde_json::from_str(json)
        .map_err(|error| format!("the request is not right: {error}; give {{\"language\": ..., \"code\": ...}}"))?;
    let language =
        locus_languages::find(locus_languages::all(), &request.language).map_err(|error| error.to_string())?;
    // What is wrong with the request comes before what is missing on the machine.
    let assignment = language
        .assignment("local".into(), language.program(), request, Limits::DEFAULT, Limits::MAXIMUM)
        .map_err(|error| error.to_string())?;
    let toolchain = Toolchain::probe(language).ok_or_else(|| not_installed(language))?;
    Ok(Assignment { program: toolchain.program(), ..assignment })
}

fn not_installed(language: &Language) -> String {
    let installed: Vec<_> = crate::toolchain::detect().iter().map(|found| found.language.id.as_str()).collect();
    let installed = if installed.is_empty() { "none".to_owned() } else { installed.join(", ") };
    format!("language {} is not installed here: put {} on PATH (installed: {installed})", language.id, language.run[0])
}

#[cfg(target_os = "linux")]
mod platform {
    use std::io::Read as _;
    use std::os::fd::AsFd as _;
    use std::process::ExitCode;

    use locus_core::{Assignment, Event, Network, Outcome, RunResult, Transcript};

    use super::{Answer, fail};
    use crate::embedded;
    use crate::execute::{Place, execute, view};
    use crate::memory::MemoryFiles;
    use crate::sandbox::{EnterError, Isolation, View, drop_root, enter, report_of_host};
    use crate::signals::{self, Cancel};
    use crate::tell::Teller;

    pub fn serve() -> ExitCode {
        match crate::serve::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        }
    }

    pub fn run(assignment: &Assignment, weak_will_do: bool) -> (Answer, ExitCode) {
        let failed = |error: String| (Answer { error, ..Answer::default() }, ExitCode::FAILURE);
        // Asked in a process of its own: an attempt that fails leaves its traces.
        let report = match embedded::probe() {
            Ok(report) => report,
            Err(error) => return failed(format!("the sandbox can't be examined: {error}")),
        };
        // A container that holds nothing but this run keeps it apart by itself.
        let alone = std::process::id() == 1 && !rustix::process::geteuid().is_root();
        if let Some(weakness) = report.weakness.filter(|_| !weak_will_do && !alone) {
            return failed(format!("{weakness}; or accept that with --allow-weak-sandbox"));
        }
        let (place, cancel) = match settle(assignment, report.isolation.unwrap_or(Isolation::Landlock)) {
            Ok(settled) => settled,
            Err(error) => return failed(error.to_string()),
        };
        let mut transcript = Transcript::default();
        execute(assignment, &place, None, &cancel, &mut |event| transcript.push(event, usize::MAX));
        let result = transcript.result.expect("a run ends with its result");
        let code = if result.outcome == Outcome::RunnerFailed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (Answer { stdout: text(&transcript.stdout), stderr: text(&transcript.stderr), error: result.error }, code)
    }

    /// Tells which layers of the sandbox hold on this machine.
    pub fn probe() -> ExitCode {
        let entered = enter(&View::default(), Network::None);
        let report = report_of_host(entered.as_ref().map(drop));
        println!("{}", serde_json::to_string(&report).expect("a report serializes"));
        ExitCode::SUCCESS
    }

    /// An embedded run: the assignment comes on stdin, the events leave on stdout.
    pub fn exec(isolation: Isolation, cgroup: Option<&str>) -> ExitCode {
        match follow(isolation, cgroup) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        }
    }

    fn follow(isolation: Isolation, cgroup: Option<&str>) -> std::io::Result<()> {
        let mut json = Vec::new();
        std::io::stdin().read_to_end(&mut json)?;
        if json.is_empty() {
            // The server that held this process ready is gone.
            return Ok(());
        }
        let assignment: Assignment = serde_json::from_slice(&json)?;
        drop(json);
        let memory = cgroup.map(|folder| MemoryFiles::open(folder.as_ref())).transpose()?;
        let mut teller = Teller::new(std::io::stdout().as_fd().try_clone_to_owned()?)?;
        match settle(&assignment, isolation) {
            Ok((place, cancel)) => {
                // When the server that reads stdout is gone, nobody is left to run for. That is watched in place of
                // PR_SET_PDEATHSIG, which fires when the thread that started this process ends.
                let cancel = cancel.or_hang_up(std::io::stdout().as_fd().try_clone_to_owned()?);
                execute(&assignment, &place, memory, &cancel, &mut |event| teller.tell(&event));
            }
            Err(error) => {
                let result = RunResult::failed(Outcome::RunnerFailed, format!("the sandbox can't be made: {error}"));
                teller.tell(&Event::Finished { result });
            }
        }
        teller.finish();
        Ok(())
    }

    /// Goes to where the run is to take place. No other thread may exist.
    fn settle(assignment: &Assignment, isolation: Isolation) -> Result<(Place, Cancel), EnterError> {
        let unprepared = |source| EnterError { step: "the runner can't be set up".into(), source };
        let (place, stop) = match isolation {
            Isolation::Namespaces => (Place::Namespaces, Some(enter(&view(assignment), assignment.network)?)),
            Isolation::Landlock if assignment.network == Network::Loopback => {
                return Err(unprepared(std::io::Error::other("a loopback network needs namespaces")));
            }
            Isolation::Landlock => {
                drop_root().map_err(unprepared)?;
                (Place::Host, None)
            }
        };
        signals::prepare().map_err(unprepared)?;
        let cancel = match stop {
            Some(stop) => Cancel::on_readable(stop),
            None => Cancel::on_signal().map_err(unprepared)?,
        };
        Ok((place, cancel))
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::process::ExitCode;

    use locus_core::Assignment;

    use super::{Answer, fail};
    use crate::sandbox::Isolation;

    const NEEDS_LINUX: &str = "runs need Linux or a cluster";

    pub fn serve() -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn exec(_: Isolation, _: Option<&str>) -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn probe() -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn run(_: &Assignment, _: bool) -> (Answer, ExitCode) {
        (Answer { error: NEEDS_LINUX.into(), ..Answer::default() }, ExitCode::FAILURE)
    }
}
