//! The cases of a run: its program, once for each, as if nothing had run before.

use std::path::Path;

use locus_core::cases::OUTPUT_BYTES_MAX;
use locus_core::{CaseEnd, CaseInput, Event, Outcome, RunResult, Usage};

use crate::execute::{ExecuteError, Place, ended_or_not_started, output};
use crate::folder::{Folder, Kept};
use crate::ipc;
use crate::prestart::Prestarted;
use crate::sandbox::{SHARED_MEMORY, TMP};
use crate::step::{Cause, Room, Step};
use crate::verdict;
use crate::workdir::WorkDir;

/// Where a program may leave something for the next one.
#[derive(Debug)]
pub struct Ground<'a> {
    work: &'a Folder,
    /// Folders that are empty before a program.
    others: Vec<Folder>,
    /// Whether the ipc namespace is the run's own; what would last in that of a machine is refused.
    own_ipc: bool,
}

/// The same, with what there is to be in the work folder.
#[derive(Debug)]
pub struct Restored<'a> {
    ground: &'a Ground<'a>,
    kept: &'a Kept,
    /// Whether something has run there before the first case.
    is_used: bool,
}

impl<'a> Ground<'a> {
    /// That of a run in a place, before anything of it has been there.
    pub fn of(dir: &'a WorkDir, place: &Place) -> Result<Self, ExecuteError> {
        let own_ipc = !matches!(place, Place::Host);
        if own_ipc && std::process::id() != 1 {
            return Err(ExecuteError::Shared);
        }
        let others: Vec<&Path> = match dir.tmp() {
            Some(tmp) => vec![tmp],
            None => vec![TMP.as_ref(), SHARED_MEMORY.as_ref()],
        };
        let others = others.into_iter().map(Folder::open).collect::<Result<_, _>>().map_err(ExecuteError::Folder)?;
        Ok(Self { work: dir.folder(), others, own_ipc })
    }

    /// The same, with what the work folder holds before each case.
    pub fn keeping(&'a self, kept: &'a Kept, is_used: bool) -> Restored<'a> {
        Restored { ground: self, kept, is_used }
    }
}

impl Restored<'_> {
    /// Makes it what it was. Nothing of the run may be alive.
    fn restore(&self) -> std::io::Result<()> {
        self.ground.others.iter().try_for_each(Folder::empty)?;
        if self.ground.own_ipc {
            ipc::clear()?;
        }
        self.ground.work.empty()?;
        self.ground.work.put(self.kept)
    }
}

/// Runs the cases one after the other, whatever comes of each; `argv` is the command with the arguments of a case. A waiting
/// interpreter is for the first one.
///
/// # Errors
/// When one of them can't be run.
pub fn run(
    step: Step<'_>,
    cases: &[CaseInput],
    argv: &dyn Fn(&[String]) -> Vec<String>,
    ground: &Restored<'_>,
    mut interpreter: Option<Prestarted>,
    on_event: &mut dyn FnMut(Event),
) -> Result<RunResult, ExecuteError> {
    let mut whole = RunResult::failed(Outcome::Completed, "");
    let mut left = Room { stdout: OUTPUT_BYTES_MAX, stderr: OUTPUT_BYTES_MAX };
    for (index, case) in cases.iter().enumerate() {
        if index > 0 || ground.is_used {
            ground.restore().map_err(ExecuteError::Clear)?;
            step.gauge.restart();
        }
        if step.cancel.is_told() {
            return Ok(verdict::cancelled(whole));
        }
        on_event(Event::CaseStarted { index });
        let limit = step.limits.output_bytes;
        let room = Room { stdout: limit.min(left.stdout), stderr: limit.min(left.stderr) };
        let argv = argv(&case.args);
        let ended = Step { argv: &argv, stdin: case.stdin.as_bytes(), room, ..step }.run(
            interpreter.take(),
            None,
            &mut |stream, data| {
                left.take(stream, data.len() as u64);
                on_event(output(stream, data));
            },
        );
        let cause = ended.as_ref().ok().and_then(|ended| ended.cause);
        let mut result = ended_or_not_started(ended, step.limits, ground.is_used)?;
        if let Some(Cause::Output(stream)) = cause
            && room.get(stream) < limit
        {
            result.error = verdict::out_of_room(stream);
        }
        whole.usage = sum(whole.usage, result.usage);
        whole.prestarted |= result.prestarted;
        whole.stdout_truncated |= result.stdout_truncated;
        whole.stderr_truncated |= result.stderr_truncated;
        let RunResult { outcome, error, exit_code, signal, usage, .. } = result;
        on_event(Event::CaseEnded { end: CaseEnd { outcome, error, exit_code, signal, usage } });
        if outcome == Outcome::Cancelled {
            return Ok(verdict::cancelled(whole));
        }
    }
    Ok(whole)
}

/// What two programs used, one after the other.
fn sum(one: Usage, other: Usage) -> Usage {
    Usage {
        wall_seconds: one.wall_seconds + other.wall_seconds,
        cpu_seconds: one.cpu_seconds + other.cpu_seconds,
        memory_peak_bytes: one.memory_peak_bytes.max(other.memory_peak_bytes),
    }
}
