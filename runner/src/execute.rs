//! One run, from its files to its result.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use locus_core::{
    Assignment, CaseInput, CompileResult, EnvVar, Event, InvalidRequest, Limits, Network, Outcome, Program, RunRequest,
    RunResult, TestCase,
};

use crate::cases::{self, Ground};
use crate::collect::collect;
use crate::folder::KeepError;
use crate::memory::{CgroupFiles, Gauge};
use crate::output::Stream;
use crate::prestart::Prestarted;
use crate::sandbox::{Confines, SHARED_MEMORY, Setting, TMP, View, WORK};
use crate::signals::Cancel;
use crate::spawn::{PATH, Stderr};
use crate::step::{Ended, Feed, Room, Step, StepError};
use crate::verdict;
use crate::workdir::WorkDir;

/// Where a run takes place.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a pod, in a folder of its own that goes with it.
    Pod(PathBuf),
    /// In namespaces of its own, which this process has entered.
    Namespaces,
    /// On a host, in a temporary folder.
    Host,
}

impl Place {
    /// The folder that is there before the run, in which it will work.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Pod(folder) => Some(folder),
            Self::Namespaces => Some(WORK.as_ref()),
            Self::Host => None,
        }
    }

    /// What tells the memory of a run here; `memory` is that of a cgroup of the run's own.
    pub fn gauge(&self, memory: Option<CgroupFiles>) -> Gauge {
        let folders = self.folder().into_iter().chain([Path::new(TMP)]).map(Path::to_owned).collect();
        memory.map_or(Gauge::Processes, |memory| Gauge::of(memory, folders))
    }
}

/// What is there for a run before it is known.
#[derive(Debug, Default)]
pub struct Prepared {
    /// An interpreter that waits for it.
    pub interpreter: Option<Prestarted>,
    /// Where more input comes from, if the run is interactive.
    pub feed: Option<Feed>,
}

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    #[error("the work folder can't be made: {0}")]
    Folder(io::Error),
    #[error("file {name:?} can't be written: {source}")]
    File { name: String, source: io::Error },
    #[error("the sandbox can't be made: {0}")]
    Confines(io::Error),
    #[error(
        "a run with tests needs a container of its own: what this process shares with its machine can't be cleared"
    )]
    Shared,
    #[error("what a test has left can't be cleared: {0}")]
    Clear(io::Error),
    #[error(transparent)]
    Step(#[from] StepError),
}

impl ExecuteError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Request(_) => Outcome::InvalidRequest,
            // Longer than the kernel lets arguments and environment be.
            Self::Step(StepError::Start { source, .. }) if source.kind() == io::ErrorKind::ArgumentListTooLong => {
                Outcome::InvalidRequest
            }
            Self::Folder(_) | Self::File { .. } | Self::Confines(_) | Self::Shared | Self::Clear(_) | Self::Step(_) => {
                Outcome::RunnerFailed
            }
        }
    }
}

/// Runs an assignment and tells its events; the last one is `Finished`. When that is told, no process and, on a host, no
/// file of the run is left. An interpreter that waits is taken where it suits the run, and else ended before it starts.
pub fn execute(
    assignment: &Assignment,
    place: &Place,
    gauge: &Gauge,
    prepared: Prepared,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
) {
    let result = attempt(assignment, place, gauge, prepared, cancel, on_event)
        .unwrap_or_else(|error| RunResult::failed(error.outcome(), error.to_string()));
    on_event(Event::Finished { result });
}

fn attempt(
    assignment: &Assignment,
    place: &Place,
    gauge: &Gauge,
    prepared: Prepared,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
) -> Result<RunResult, ExecuteError> {
    // One that does not suit is gone before anything of the run is there: it counts for the same limits.
    let interpreter = prepared.interpreter.filter(|interpreter| interpreter.suits(assignment));
    let feed = prepared.feed.filter(|_| assignment.interactive);
    let files = request(assignment).sources("")?;
    let dir = match place.folder() {
        Some(folder) => WorkDir::given(folder),
        None => WorkDir::temporary(),
    };
    let dir = dir.map_err(ExecuteError::Folder)?;
    let ground = if assignment.cases.is_empty() { None } else { Some(Ground::of(&dir, place)?) };
    for file in &files {
        let written = dir.write(&file.name, &file.bytes()?);
        written.map_err(|source| ExecuteError::File { name: file.name.clone(), source })?;
    }
    on_event(Event::Started);
    let program = &assignment.program;
    let argv = |template: &[String], more: &[String]| argv(template, &files[0].name, more);
    let setting = setting(program, assignment.network, place, &dir, gauge);
    let confine = |limits| Confines::new(&setting, limits).map(Arc::new).map_err(ExecuteError::Confines);
    let (limits, confines) = (&assignment.limits, &confine(&assignment.limits)?);
    let env = |limits| environment(program, &assignment.env, limits, &dir);
    let (path, run_env) = (&path(program), env(limits));
    let (folder, room) = (dir.path(), Room::of(limits));
    let stderr = if assignment.stderr_to_stdout { Stderr::Stdout } else { Stderr::Apart };
    let step =
        Step { argv: &[], path, env: &run_env, folder, stdin: &[], limits, stderr, room, confines, gauge, cancel };
    let mut compile = None;
    if let Some(compiler) = &program.compile {
        let argv = argv(compiler, &assignment.compile_args);
        let limits = assignment.compile_limits.as_ref().unwrap_or(limits);
        let (result, told) = {
            let (env, confines, room) = (env(limits), confine(limits)?, Room::of(limits));
            compile_with(Step {
                argv: &argv,
                env: &env,
                limits,
                stderr: Stderr::Apart,
                room,
                confines: &confines,
                ..step
            })?
        };
        if !result.outcome.is_success() {
            return Ok(RunResult { compile: Some(told), exit_code: None, signal: None, ..result });
        }
        compile = Some(told);
    }
    let is_compiled = compile.is_some();
    let argv = |args: &[String]| argv(&program.run, args);
    let result = if let Some(ground) = &ground {
        let kept = match dir.folder().keep() {
            Ok(kept) => kept,
            Err(KeepError::Read(error)) => return Err(ExecuteError::Folder(error)),
            // It was not so large before the compile step.
            Err(error @ KeepError::TooMuch) => {
                let error = format!("what the compiler has left can't be kept for each test: {error}");
                return Ok(RunResult { compile, ..RunResult::failed(Outcome::CompileFailed, error) });
            }
        };
        cases::run(step, &assignment.cases, &argv, &ground.keeping(&kept, is_compiled), interpreter, on_event)?
    } else {
        let argv = argv(&assignment.args);
        let stdin = assignment.stdin.as_bytes();
        let ended = Step { argv: &argv, stdin, ..step }.run(interpreter, feed, &mut |stream, data| {
            on_event(output(stream, data));
        });
        let result = ended_or_not_started(ended, limits, is_compiled)?;
        let collected = collect(dir.folder().fd(), &assignment.output_files);
        for (name, data) in collected.files {
            on_event(Event::File { name, data });
        }
        RunResult { files_left: collected.left, ..result }
    };
    Ok(RunResult { compile, ..result })
}

/// The event of what a program wrote.
pub fn output(stream: Stream, data: Vec<u8>) -> Event {
    match stream {
        Stream::Stdout => Event::Stdout { data },
        Stream::Stderr => Event::Stderr { data },
    }
}

/// The result of the program, also of one that can't be started for a reason of its own.
pub fn ended_or_not_started(
    ended: Result<Ended, StepError>,
    limits: &Limits,
    is_compiled: bool,
) -> Result<RunResult, ExecuteError> {
    match ended {
        Ok(ended) => Ok(verdict::result(&ended, limits, "the program")),
        // What was compiled is the user's own.
        Err(StepError::Start { source, program })
            if is_compiled && source.kind() != io::ErrorKind::ArgumentListTooLong =>
        {
            Ok(verdict::not_started(&program, &source))
        }
        Err(error) => Err(error.into()),
    }
}

/// Compiles; what the compiler writes is no output of the program and so no event.
fn compile_with(step: Step<'_>) -> Result<(RunResult, CompileResult), StepError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ended = step.run(None, None, &mut |stream, data| match stream {
        Stream::Stdout => stdout.extend(data),
        Stream::Stderr => stderr.extend(data),
    })?;
    let mut result = verdict::result(&ended, step.limits, "the compiler");
    // The two flags speak of the program's own streams.
    (result.stdout_truncated, result.stderr_truncated) = (false, false);
    if matches!(result.outcome, Outcome::NonZeroExit | Outcome::Signaled) {
        result.outcome = Outcome::CompileFailed;
    }
    let told = CompileResult {
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
        exit_code: result.exit_code,
    };
    Ok((result, told))
}

/// The request that the assignment was made from, as far as it is checked: a runner trusts the token
/// of a start, but a name that leaves the work folder would undo the sandbox.
fn request(assignment: &Assignment) -> RunRequest {
    RunRequest {
        files: assignment.files.clone(),
        args: assignment.args.clone(),
        env: [&assignment.program.env[..], &assignment.env].concat(),
        compile_args: assignment.compile_args.clone(),
        interactive: assignment.interactive,
        output_files: assignment.output_files.clone(),
        tests: assignment.cases.iter().map(test).collect(),
        ..RunRequest::default()
    }
}

fn test(case: &CaseInput) -> TestCase {
    TestCase { args: Some(case.args.clone()), ..TestCase::default() }
}

pub fn setting(program: &Program, network: Network, place: &Place, dir: &WorkDir, gauge: &Gauge) -> Setting {
    let mut view = view(program, network);
    view.writable = vec![dir.path().to_owned(), dir.tmp().unwrap_or(TMP.as_ref()).to_owned()];
    if !matches!(place, Place::Host) {
        view.writable.push(SHARED_MEMORY.into());
    }
    view.own_root = matches!(place, Place::Namespaces);
    let own_user = match place {
        Place::Pod(_) => !rustix::process::getuid().is_root(),
        Place::Namespaces => true,
        Place::Host => false,
    };
    let (counted, own_ipc) = (matches!(gauge, Gauge::Cgroup(_)), !matches!(place, Place::Host));
    Setting { view, network, own_user, counted, own_ipc }
}

/// What of the machine the language and the network need.
pub fn view(program: &Program, network: Network) -> View {
    View {
        language: program.readable.iter().map(PathBuf::from).collect(),
        writable: Vec::new(),
        resolver: network == Network::Egress,
        own_root: false,
    }
}

/// A command of a program, with further arguments.
pub fn argv(template: &[String], main: &str, more: &[String]) -> Vec<String> {
    let items = template.iter().map(|item| item.replace("{main}", main));
    items.chain(more.iter().cloned()).collect()
}

/// Where commands of a program, and what they start by name themselves, are looked up.
pub fn path(program: &Program) -> String {
    let folders: Vec<_> = program.path.iter().map(String::as_str).chain([PATH]).collect();
    folders.join(":")
}

/// An allow-list, then the language's variables, then further ones.
pub fn environment(program: &Program, more: &[EnvVar], limits: &Limits, dir: &WorkDir) -> Vec<(String, String)> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), path(program)),
        ("HOME".to_owned(), text(dir.path())),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    env.extend(dir.tmp().map(|tmp| ("TMPDIR".to_owned(), text(tmp))));
    // What a virtual machine holds beside its heap has to fit too.
    let heap = (limits.memory_bytes / 4 * 3) >> 20;
    let own = |EnvVar { name, value }: &EnvVar| (name.clone(), value.replace("{heap}", &heap.to_string()));
    env.extend(program.env.iter().map(own));
    env.extend(more.iter().map(|variable| (variable.name.clone(), variable.value.clone())));
    env.into_iter().collect()
}
