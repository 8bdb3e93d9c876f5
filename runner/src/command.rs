//! The command line: `run` for people, `serve` in a pod, `exec` below the api-server.

use std::io::Read as _;
use std::process::ExitCode;

use locus_core::{Assignment, Limits, Outcome, RunRequest, Transcript};
use serde_json::json;

use crate::toolchain;

const USAGE: &str =
    "usage: locus-runner run '{\"language\":\"python\",\"code\":\"print(1)\"}'   (or: run -, from standard input)
       locus-runner serve   (in a run pod)
       locus-runner exec    (an assignment on standard input, events on standard output)";

/// The exit status of a request that was not run.
const REFUSED: u8 = 2;

/// The runner's main. `args` are the arguments after the program's name. It must be called before any thread is
/// started, since it changes what the process is.
#[must_use]
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", "-"] => {
            let mut text = String::new();
            match std::io::stdin().read_to_string(&mut text) {
                Ok(_) => run(&text),
                Err(error) => refuse(&format!("standard input can't be read: {error}")),
            }
        }
        ["run", request] => run(request),
        ["serve"] => serve(),
        ["exec"] => exec(),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(REFUSED)
        }
    }
}

fn run(text: &str) -> ExitCode {
    let assignment = match assign(text) {
        Ok(assignment) => assignment,
        Err(message) => return refuse(&message),
    };
    let mut transcript = Transcript::default();
    let capacity = usize::try_from(assignment.limits.output_bytes).unwrap_or(usize::MAX);
    if let Err(message) = execute_alone(&assignment, &mut |event| transcript.push(event, capacity)) {
        return refuse(&message);
    }
    let result = transcript.result;
    print_answer(
        &String::from_utf8_lossy(&transcript.stdout),
        &String::from_utf8_lossy(&transcript.stderr),
        result.as_ref().map_or("", |result| result.error.as_str()),
    );
    let failed = result.is_none_or(|result| result.outcome == Outcome::RunnerFailed);
    ExitCode::from(u8::from(failed))
}

/// Reads a request, and makes it ready with the programs of this machine.
fn assign(text: &str) -> Result<Assignment, String> {
    let request: RunRequest =
        serde_json::from_str(text).map_err(|error| format!("the request is not what it should be: {error}"))?;
    let language =
        locus_languages::find(locus_languages::all(), &request.language).map_err(|error| error.to_string())?;
    let files = request.sources(&language.file_name).map_err(|error| error.to_string())?;
    let found = toolchain::find(language).ok_or_else(|| {
        format!("language {:?} can't be run here: {:?} is not on PATH or does not work", language.id, language.run[0])
    })?;
    let default = Limits::clamp(language.limits, Limits::DEFAULT, Limits::MAXIMUM);
    Ok(Assignment {
        uid: "command-line".into(),
        program: found.program(),
        files,
        stdin: request.stdin,
        args: request.args,
        env: request.env,
        compile_args: request.compile_args,
        limits: Limits::clamp(request.limits, default, Limits::MAXIMUM),
    })
}

fn refuse(message: &str) -> ExitCode {
    print_answer("", "", message);
    ExitCode::from(REFUSED)
}

fn print_answer(stdout: &str, stderr: &str, error: &str) {
    println!("{}", json!({ "stdout": stdout, "stderr": stderr, "error": error }));
}

#[cfg(target_os = "linux")]
use linux::{exec, execute_alone, serve};

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{Read as _, Write as _};
    use std::process::ExitCode;

    use locus_core::{Assignment, Event};

    use super::REFUSED;
    use crate::execute::{Cancel, Place, execute};
    use crate::{processes, serve as server};

    pub fn serve() -> ExitCode {
        match server::serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("locus-runner: {error}");
                ExitCode::from(REFUSED)
            }
        }
    }

    /// One run for the api-server above: it dies with it.
    pub fn exec() -> ExitCode {
        let mut text = Vec::new();
        let read = std::io::stdin().read_to_end(&mut text).map_err(|error| error.to_string());
        let assignment =
            read.and_then(|_| serde_json::from_slice::<Assignment>(&text).map_err(|error| error.to_string()));
        let assignment = match assignment {
            Ok(assignment) => assignment,
            Err(error) => {
                eprintln!("locus-runner: no assignment: {error}");
                return ExitCode::from(REFUSED);
            }
        };
        if let Err(error) = processes::die_with_parent() {
            eprintln!("locus-runner: {error}");
            return ExitCode::from(REFUSED);
        }
        let mut out = std::io::stdout().lock();
        let ran = execute_alone(&assignment, &mut |event: Event| {
            // A reader that is gone has its run stopped by its own end; there is no one else to tell.
            let _ = serde_json::to_writer(&mut out, &event).map_err(std::io::Error::from);
            let _ = out.write_all(b"\n").and_then(|()| out.flush());
        });
        match ran {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("locus-runner: {error}");
                ExitCode::from(REFUSED)
            }
        }
    }

    /// A run in this process, which is for nothing else; SIGTERM and SIGINT cancel it.
    pub fn execute_alone(assignment: &Assignment, on_event: &mut dyn FnMut(Event)) -> Result<(), String> {
        let cancel = Cancel::on_signals().map_err(|error| error.to_string())?;
        processes::become_runner().map_err(|error| error.to_string())?;
        let folder = tempfile::Builder::new().prefix("locus-").tempdir().map_err(|error| error.to_string())?;
        execute(assignment, folder.path(), Place::Embedded, &cancel, on_event);
        crate::work::remove(folder.keep().as_path());
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::process::ExitCode;

    use locus_core::{Assignment, Event};

    const NO_RUNS: &str = "runs need Linux, or a cluster";

    pub fn serve() -> ExitCode {
        eprintln!("locus-runner: {NO_RUNS}");
        ExitCode::from(super::REFUSED)
    }

    pub fn exec() -> ExitCode {
        serve()
    }

    pub fn execute_alone(_: &Assignment, _: &mut dyn FnMut(Event)) -> Result<(), String> {
        Err(NO_RUNS.into())
    }
}

#[cfg(not(target_os = "linux"))]
use elsewhere::{exec, execute_alone, serve};
