//! The command line.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use locus_core::{Assignment, Limits, Network, RunRequest, Standby, TestCase};
use locus_languages::Language;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::toolchain::Toolchain;

const USAGE: &str = "usage: locus-runner run [--allow-weak-sandbox] '<json>' | run - | serve | probe | exec landlock | exec namespaces '<json>'";

/// The runner's main; `args` are the arguments after the program's name. `run` prints [`Answer`]; an interactive run reads
/// this process' own stdin behind that of the request.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", json] => run(json, false),
        ["run", "--allow-weak-sandbox", json] => run(json, true),
        ["serve"] => platform::serve(),
        ["exec", "landlock"] => platform::exec(None),
        ["exec", "namespaces", json] => match serde_json::from_str(json) {
            Ok(known) => platform::exec(Some(known)),
            Err(error) => fail(&format!("what is known beforehand can't be read: {error}")),
        },
        ["probe"] => platform::probe(),
        _ => fail(USAGE),
    }
}

/// What a runner is told before it has its run, so that it can make the sandbox beforehand.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Beforehand {
    /// What the run may reach.
    pub network: Network,
    /// The folder of a memory cgroup of its own, if it is in one.
    #[serde(default)]
    pub cgroup: Option<PathBuf>,
    /// Files and folders that its language needs.
    #[serde(default)]
    pub readable: Vec<PathBuf>,
    /// What to hold ready.
    #[serde(default)]
    pub standby: Option<Standby>,
}

fn fail(message: &str) -> ExitCode {
    eprintln!("locus-runner: {message}");
    ExitCode::from(2)
}

fn run(json: &str, weak_will_do: bool) -> ExitCode {
    let (answer, code) = match read(json).and_then(|json| prepare(&json)) {
        Ok((assignment, tests)) => platform::run(&assignment, &tests, weak_will_do),
        Err(error) => (Answer { error, ..Answer::default() }, ExitCode::from(2)),
    };
    say(&answer);
    code
}

/// Answers with a line of JSON. Whoever asked may be gone, by Ctrl-C say.
fn say(answer: &impl Serialize) {
    let json = serde_json::to_string(answer).expect("an answer serializes");
    let _ = writeln!(std::io::stdout(), "{json}");
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
fn prepare(json: &str) -> Result<(Assignment, Vec<TestCase>), String> {
    let request: RunRequest = serde_json::from_str(json)
        .map_err(|error| format!("the request is not right: {error}; give {{\"language\": ..., \"code\": ...}}"))?;
    let language =
        locus_languages::find(locus_languages::all(), &request.language).map_err(|error| error.to_string())?;
    let tests = request.tests.clone();
    // What is wrong with the request comes before what is missing on the machine.
    let assignment = language
        .assignment("local".into(), language.program(), request, Limits::DEFAULT, Limits::MAXIMUM)
        .map_err(|error| error.to_string())?;
    let toolchain = Toolchain::probe(language).ok_or_else(|| not_installed(language))?;
    Ok((Assignment { program: toolchain.program, ..assignment }, tests))
}

fn not_installed(language: &Language) -> String {
    let installed: Vec<_> = crate::toolchain::detect().iter().map(|found| found.language.selector()).collect();
    let installed = if installed.is_empty() { "none".to_owned() } else { installed.join(", ") };
    format!("language {} is not installed here (installed: {installed})", language.selector())
}

#[cfg(target_os = "linux")]
mod platform {
    use std::io;
    use std::os::fd::{AsFd as _, OwnedFd};
    use std::process::ExitCode;

    use locus_core::{Assignment, Event, Network, Outcome, RunResult, TestCase, Transcript};
    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;

    use super::{Beforehand, fail, say};
    use crate::answer::{self, Answer};
    use crate::embedded;
    use crate::execute::{Place, Prepared, execute, view};
    use crate::memory::CgroupFiles;
    use crate::prestart::Prestarted;
    use crate::sandbox::{EnterError, Isolation, View, drop_root, enter, report_of_host};
    use crate::signals::{self, Cancel};
    use crate::step::Feed;
    use crate::tell::Teller;

    pub fn serve() -> ExitCode {
        match crate::serve::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        }
    }

    pub fn run(assignment: &Assignment, tests: &[TestCase], weak_will_do: bool) -> (Answer, ExitCode) {
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
        let settled = match report.isolation {
            Some(Isolation::Namespaces) => {
                enter_namespaces(&view(&assignment.program, assignment.network), assignment.network)
            }
            _ => stay_on_host(assignment),
        };
        let (place, cancel) = match settled {
            Ok(settled) => settled,
            Err(error) => return failed(error.to_string()),
        };
        let mut transcript = Transcript::default();
        // With `run -` it has been read to its end.
        let feed = assignment.interactive.then(take_stdin).transpose();
        let feed = match feed {
            Ok(more) => more.map(|more| Feed { begun: Vec::new(), more }),
            Err(error) => return failed(format!("stdin can't be passed on: {error}")),
        };
        let prepared = Prepared { interpreter: None, feed };
        execute(assignment, &place, &place.gauge(None), prepared, &cancel, &mut |event| {
            transcript.push(event, usize::MAX);
        });
        let (answer, outcome) = answer::of(transcript, tests);
        (answer, if outcome == Outcome::RunnerFailed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Tells which layers of the sandbox hold on this machine.
    pub fn probe() -> ExitCode {
        let entered = enter(&View::default(), Network::None);
        let report = report_of_host(entered.as_ref().map(drop));
        say(&report);
        ExitCode::SUCCESS
    }

    /// An embedded run: the assignment comes on stdin, the events leave on stdout.
    pub fn exec(beforehand: Option<Beforehand>) -> ExitCode {
        match follow(beforehand) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        }
    }

    fn follow(beforehand: Option<Beforehand>) -> std::io::Result<()> {
        let cgroup = beforehand.as_ref().and_then(|known| known.cgroup.as_ref());
        let mut memory = cgroup.map(|folder| CgroupFiles::open(folder)).transpose()?;
        if memory.is_some() {
            // The server has moved this process into the cgroup when it sends the first byte, which is a blank.
            if rustix::io::read(rustix::stdio::stdin(), &mut [0])? == 0 {
                return Ok(());
            }
        }
        let settled = beforehand.as_ref().map(|known| {
            let language = known.readable.clone();
            enter_namespaces(&View { language, ..View::default() }, known.network)
        });
        let mut interpreter = None;
        if let (Some(Ok((place, _))), Some(standby)) =
            (&settled, beforehand.as_ref().and_then(|known| known.standby.as_ref()))
        {
            let gauge = place.gauge(memory.take());
            // Without one the run is started plainly, and tells what is wrong.
            let prestarted = Prestarted::start(standby, place, &gauge).ok().flatten();
            interpreter = Some((gauge, prestarted));
        }
        let (json, begun) = read_line()?;
        if json.is_empty() {
            // The server that held this process ready is gone.
            return Ok(());
        }
        let assignment: Assignment = serde_json::from_slice(&json)?;
        drop(json);
        let feed = if assignment.interactive { Some(Feed { begun, more: take_stdin()? }) } else { None };
        let settled = match (settled, beforehand) {
            (None, _) => stay_on_host(&assignment),
            (Some(_), Some(known)) if known.network != assignment.network => {
                Err(unprepared(std::io::Error::other("the sandbox was made for another network")))
            }
            (Some(settled), _) => settled,
        };
        let mut teller = Teller::new(std::io::stdout().as_fd().try_clone_to_owned()?)?;
        match settled {
            Ok((place, cancel)) => {
                // When the server that reads stdout is gone, nobody is left to run for. That is watched in place of
                // PR_SET_PDEATHSIG, which fires when the thread that started this process ends.
                let cancel = cancel.or_hang_up(std::io::stdout().as_fd().try_clone_to_owned()?);
                let (gauge, interpreter) = interpreter.unwrap_or_else(|| (place.gauge(memory), None));
                let prepared = Prepared { interpreter, feed };
                execute(&assignment, &place, &gauge, prepared, &cancel, &mut |event| teller.tell(&event));
            }
            Err(error) => {
                let result = RunResult::failed(Outcome::RunnerFailed, format!("the sandbox can't be made: {error}"));
                teller.tell(&Event::Finished { result });
            }
        }
        teller.finish();
        Ok(())
    }

    /// All of stdin up to the end of a line, or its end; and what was read of it behind that.
    fn read_line() -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut line = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match rustix::io::read(rustix::stdio::stdin(), &mut *buffer) {
                Ok(0) => return Ok((line, Vec::new())),
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let read = &buffer[..count];
            if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                line.extend_from_slice(&read[..end]);
                return Ok((line, read[end + 1..].to_vec()));
            }
            line.extend_from_slice(read);
        }
    }

    /// Stdin itself, so that it is closed for whoever writes to it once nobody needs it.
    fn take_stdin() -> io::Result<OwnedFd> {
        let stdin = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let null = rustix::fs::open(c"/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(&null)?;
        Ok(stdin)
    }

    fn unprepared(source: std::io::Error) -> EnterError {
        EnterError { step: "the runner can't be set up".into(), source }
    }

    /// Goes into namespaces, where the run is to take place. No other thread may exist.
    fn enter_namespaces(view: &View, network: Network) -> Result<(Place, Cancel), EnterError> {
        let stop = enter(view, network)?;
        signals::prepare().map_err(unprepared)?;
        Ok((Place::Namespaces, Cancel::on_readable(stop)))
    }

    /// Makes this process one that runs programs on the host, but not as root. No other thread may exist.
    fn stay_on_host(assignment: &Assignment) -> Result<(Place, Cancel), EnterError> {
        if assignment.network == Network::Loopback {
            return Err(unprepared(std::io::Error::other("a loopback network needs namespaces")));
        }
        drop_root().and_then(|()| signals::prepare()).map_err(unprepared)?;
        Ok((Place::Host, Cancel::on_signal().map_err(unprepared)?))
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::process::ExitCode;

    use locus_core::{Assignment, TestCase};

    use super::{Beforehand, fail, say};
    use crate::answer::Answer;

    const NEEDS_LINUX: &str = "runs need Linux or a cluster";

    pub fn serve() -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn exec(_: Option<Beforehand>) -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn probe() -> ExitCode {
        fail(NEEDS_LINUX)
    }

    pub fn run(_: &Assignment, _: &[TestCase], _: bool) -> (Answer, ExitCode) {
        (Answer { error: NEEDS_LINUX.into(), ..Answer::default() }, ExitCode::FAILURE)
    }
}
