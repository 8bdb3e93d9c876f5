//! How a process of a run is set up between fork and exec.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::process::Signal;

use crate::sandbox::Confines;

/// What programs without a folder in their name are looked up on, after the language's own folders: the request has no say
/// in which program runs.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Where a process finds the descriptor that it is controlled by. A number that none opens by itself, so that all that
/// it opens have the numbers of a process without one, and small enough for the table that every process has.
const CONTROL: i32 = 63;

/// What a process writes standard error to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stderr {
    /// A pipe of its own.
    Apart,
    /// The pipe of standard output, so that what comes out of it is in the order in which it was written.
    Stdout,
}

/// Starts a process with pipes for stdin, stdout and stderr, in a session of its own. It is looked up on `path`; `control`
/// is one more descriptor that it gets.
pub fn spawn(
    argv: &[String],
    path: &str,
    env: &[(String, String)],
    folder: &Path,
    confines: &Arc<Confines>,
    stderr: Stderr,
    control: Option<BorrowedFd<'_>>,
) -> io::Result<Child> {
    let (program, rest) = argv.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut command = Command::new(find(program, path)?);
    command.arg0(program);
    command.args(rest).env_clear().envs(env.iter().map(|(name, value)| (name, value))).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    // What is left is this process's own until the child sets itself up.
    if stderr == Stderr::Apart {
        command.stderr(Stdio::piped());
    }
    let confines = confines.clone();
    let control = control.map(|control| control.as_raw_fd());
    // SAFETY: `set_up` makes raw system calls only; it takes no lock and allocates nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || set_up(&confines, stderr, control));
    }
    command.spawn()
}

fn find(program: &str, path: &str) -> io::Result<PathBuf> {
    if program.contains('/') {
        return Ok(program.into());
    }
    let mut candidates = path.split(':').map(|folder| Path::new(folder).join(program));
    candidates.find(|path| path.is_file()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Runs in the child after fork, where other threads' locks may be held for ever.
fn set_up(confines: &Confines, stderr: Stderr, control: Option<RawFd>) -> io::Result<()> {
    rustix::process::setsid()?;
    if stderr == Stderr::Stdout {
        rustix::stdio::dup2_stderr(rustix::stdio::stdout())?;
    }
    reset_signals();
    // Last resort for a runner that is killed before it can clean up.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    be_first_to_go();
    close_on_exec()?;
    if let Some(control) = control {
        // SAFETY: takes numbers; what is closed by it is nothing that the child uses before exec.
        #[allow(unsafe_code)]
        let failed = unsafe { libc::dup2(control, CONTROL) < 0 || libc::fcntl(CONTROL, libc::F_SETFD, 0) < 0 };
        if failed {
            return Err(io::Error::last_os_error());
        }
    }
    confines.apply()
}

fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: sets a disposition; for a signal that allows none the call fails and changes nothing.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    // SAFETY: the set is initialized by sigemptyset before it is used.
    #[allow(unsafe_code)]
    unsafe {
        let mut none = std::mem::MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Makes the kernel take this process before any other when memory runs out. Where /proc does not
/// allow it the run still has its limits.
fn be_first_to_go() {
    use rustix::fs::{Mode, OFlags};
    // As a copy of the non-dumpable runner it could not open its own file; exec sets this anyway.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
    if let Ok(file) = rustix::fs::open(c"/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(&file, b"1000");
    }
}

/// Every descriptor past stderr is closed by exec, also those that were opened without care.
fn close_on_exec() -> io::Result<()> {
    // SAFETY: only sets a flag on descriptors, none of which the child uses before exec.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
