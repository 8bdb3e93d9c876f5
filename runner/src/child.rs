//! One step of a run as a process: what it is allowed before its first instruction.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use locus_core::{Assignment, EnvVar};
use rustix::process::{Resource, Rlimit, getuid, setrlimit, setsid};

use crate::execute::Place;

/// Open files of a program.
const OPEN_FILES: u64 = 1024;

/// Threads that the runner itself has under the pod's user, whose processes are counted with the program's.
const RUNNER_THREADS: u64 = 8;

/// Memory over the limit that one process may ask for before the watcher has seen that it does, in bytes.
const UNWATCHED_BYTES: u64 = 256 << 20;

/// Starts a step: `argv` in the work folder, with `args` at its end and pipes as its three streams.
///
/// # Errors
/// When the program does not exist or the process can't be made.
pub fn spawn(
    assignment: &Assignment,
    argv: &[String],
    args: &[String],
    folder: &Path,
    place: Place,
) -> io::Result<Child> {
    let main = assignment.files.first().map_or("", |file| file.name.as_str());
    let mut argv = argv.iter().map(|item| item.replace("{main}", main));
    let program = argv.next().ok_or_else(|| io::Error::other("the language has no program"))?;
    let mut command = Command::new(program);
    command
        .args(argv)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(environment(folder, place))
        .envs(variables(&assignment.program.env))
        .envs(variables(&assignment.env))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    confine(&mut command, limits(assignment, place));
    command.spawn()
}

/// What every program sees; nothing else of the runner's environment reaches it.
fn environment(folder: &Path, place: Place) -> [(&'static str, OsString); 3] {
    let path = match place {
        Place::Pod => None,
        Place::Embedded => std::env::var_os("PATH"),
    };
    [
        ("PATH", path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())),
        ("HOME", folder.into()),
        ("LANG", "C.UTF-8".into()),
    ]
}

fn variables(list: &[EnvVar]) -> impl Iterator<Item = (&str, &str)> {
    list.iter().map(|variable| (variable.name.as_str(), variable.value.as_str()))
}

fn limits(assignment: &Assignment, place: Place) -> Vec<(Resource, u64, u64)> {
    let limits = &assignment.limits;
    let cpu = u64::from(limits.cpu_seconds);
    let mut set = vec![
        // The first limit sends SIGXCPU, which a program may ignore; the second one kills.
        (Resource::Cpu, cpu, cpu + 1),
        (Resource::Fsize, limits.file_bytes, limits.file_bytes),
        (Resource::Core, 0, 0),
        (Resource::Nofile, OPEN_FILES, OPEN_FILES),
    ];
    match place {
        // The kernel counts all processes of a user: only in a pod is the user the run's own. Root is not bound.
        Place::Pod if !getuid().is_root() => {
            let processes = u64::from(limits.processes) + RUNNER_THREADS;
            set.push((Resource::Nproc, processes, processes));
        }
        Place::Pod => {}
        Place::Embedded => {
            let data = limits.memory_bytes * 2 + UNWATCHED_BYTES;
            set.push((Resource::Data, data, data));
        }
    }
    set
}

#[allow(unsafe_code)]
fn confine(command: &mut Command, limits: Vec<(Resource, u64, u64)>) {
    let between_fork_and_exec = move || {
        setsid()?;
        rustix::thread::set_no_new_privs(true)?;
        for (resource, soft, hard) in &limits {
            setrlimit(*resource, Rlimit { current: Some(*soft), maximum: Some(*hard) })?;
        }
        // When memory runs out, the kernel takes the program and not the runner.
        if let Ok(score) = rustix::fs::open(
            c"/proc/self/oom_score_adj",
            rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        ) {
            let _ = rustix::io::write(&score, b"1000");
        }
        close_all_but_streams()
    };
    // SAFETY: between fork and exec the closure makes system calls only: it allocates nothing, takes no lock, and
    // reads a list that was made before.
    unsafe { command.pre_exec(between_fork_and_exec) };
}

/// Marks every file but the three streams to be closed by exec, which needs some of them until then.
#[allow(unsafe_code)]
fn close_all_but_streams() -> io::Result<()> {
    // SAFETY: close_range takes three numbers and touches no memory of this process.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
