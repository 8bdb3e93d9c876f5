//! One run, from its files to its result.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use locus_core::{Assignment, CompileResult, Event, InvalidRequest, Outcome, RunRequest, RunResult};

use crate::output::Stream;
use crate::signals::Cancel;
use crate::spawn::Confines;
use crate::step::{Step, StepError};
use crate::verdict;
use crate::workdir::WorkDir;

/// What a pod's programs are looked up on.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where a run takes place.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a pod, in a folder of its own that goes with it.
    Pod(PathBuf),
    /// On a host, in a temporary folder, with the host's `PATH`.
    Host,
}

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
enum ExecuteError {
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    #[error("the work folder can't be made: {0}")]
    Folder(io::Error),
    #[error("file {name:?} can't be written: {source}")]
    File { name: String, source: io::Error },
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
            Self::Folder(_) | Self::File { .. } | Self::Step(_) => Outcome::RunnerFailed,
        }
    }
}

/// Runs an assignment and tells its events; the last one is `Finished`. When that is told, no process
/// and, on a host, no file of the run is left.
pub fn execute(assignment: &Assignment, place: &Place, cancel: &Cancel, on_event: &mut dyn FnMut(Event)) {
    let result = attempt(assignment, place, cancel, on_event)
        .unwrap_or_else(|error| RunResult::failed(error.outcome(), error.to_string()));
    on_event(Event::Finished { result });
}

fn attempt(
    assignment: &Assignment,
    place: &Place,
    cancel: &Cancel,
    on_event: &mut dyn FnMut(Event),
) -> Result<RunResult, ExecuteError> {
    let files = request(assignment).sources("")?;
    let (dir, confines) = match place {
        Place::Pod(folder) => (WorkDir::given(folder), Confines::Pod),
        Place::Host => (WorkDir::temporary().map_err(ExecuteError::Folder)?, Confines::Host),
    };
    for file in &files {
        let written = dir.write(&file.name, &file.bytes()?);
        written.map_err(|source| ExecuteError::File { name: file.name.clone(), source })?;
    }
    on_event(Event::Started);
    let program = &assignment.program;
    let argv = |template: &[String], more: &[String]| -> Vec<String> {
        let items = template.iter().map(|item| item.replace("{main}", &files[0].name));
        items.chain(more.iter().cloned()).collect()
    };
    let env = environment(assignment, place, &dir);
    let step =
        Step { argv: &[], env: &env, folder: dir.path(), stdin: &[], limits: &assignment.limits, confines, cancel };
    let mut compile = None;
    if let Some(compiler) = &program.compile {
        let argv = argv(compiler, &assignment.compile_args);
        let (result, told) = compile_with(Step { argv: &argv, ..step })?;
        if !result.outcome.is_success() {
            return Ok(RunResult { compile: Some(told), exit_code: None, signal: None, ..result });
        }
        compile = Some(told);
    }
    let argv = argv(&program.run, &assignment.args);
    let ended = Step { argv: &argv, stdin: assignment.stdin.as_bytes(), ..step }.run(&mut |stream, data| {
        on_event(match stream {
            Stream::Stdout => Event::Stdout { data },
            Stream::Stderr => Event::Stderr { data },
        });
    })?;
    Ok(RunResult { compile, ..verdict::result(&ended, &assignment.limits, "the program") })
}

/// Compiles; what the compiler writes is no output of the program and so no event.
fn compile_with(step: Step<'_>) -> Result<(RunResult, CompileResult), StepError> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ended = step.run(&mut |stream, data| match stream {
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
        ..RunRequest::default()
    }
}

/// An allow-list, then the language's variables, then the request's.
fn environment(assignment: &Assignment, place: &Place, dir: &WorkDir) -> Vec<(String, String)> {
    let path = match place {
        Place::Pod(_) => None,
        Place::Host => std::env::var("PATH").ok(),
    };
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), path.unwrap_or_else(|| PATH.to_owned())),
        ("HOME".to_owned(), text(dir.path())),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    env.extend(dir.tmp().map(|tmp| ("TMPDIR".to_owned(), text(tmp))));
    let given = assignment.program.env.iter().chain(&assignment.env);
    env.extend(given.map(|variable| (variable.name.clone(), variable.value.clone())));
    env.into_iter().collect()
}
