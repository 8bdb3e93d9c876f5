//! An interpreter that is started, and sandboxed, before its run is known.
//!
//! It is the command of the run itself, held inside its own start-up by a hook of its language. The two speak over a
//! socket: the hook says that it waits, and is then sent the run's arguments and environment. Nothing of the run has
//! happened before the interpreter has taken them, so until then it can be given up for a plain start.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use locus_core::{Assignment, Limits, Standby};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use rustix::process::Pid;

use crate::execute::{self, Place};
use crate::family::Family;
use crate::memory::Gauge;
use crate::sandbox::Confines;
use crate::signals::Cancel;
use crate::spawn::{self, Stderr};
use crate::workdir::WorkDir;

/// How long an interpreter may take to be ready, or to take its run, before a plain start is tried.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of arguments and environment that are handed over. What is too long for the kernel is far longer, and is
/// refused by a plain start.
const JOB_MAX: usize = 64 << 10;

/// An interpreter that waits for its run. It is killed with what it has started when this value is dropped.
#[derive(Debug)]
pub struct Prestarted {
    standby: Standby,
    argv: Vec<String>,
    child: Option<Child>,
    waiting: Waiting,
}

/// Tells whether an interpreter waits.
#[derive(Debug, Clone)]
pub struct Waiting(Arc<OwnedFd>);

/// An interpreter that is ready and has the limits of its run.
#[derive(Debug)]
pub struct Ready(Prestarted);

impl Prestarted {
    /// Starts the interpreter in a place, if its language can be held there. `gauge` must be older than the interpreter,
    /// whose memory is the run's as in a plain start.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(standby: &Standby, place: &Place, gauge: &Gauge) -> io::Result<Option<Self>> {
        let (program, Some(folder)) = (&standby.program, place.folder()) else { return Ok(None) };
        let Some(prestart) = program.prestart.as_ref().filter(|_| program.compile.is_none()) else { return Ok(None) };
        let dir = WorkDir::given(folder)?;
        let setting = execute::setting(program, standby.network, place, &dir, gauge);
        let confines = Arc::new(Confines::new(&setting, &standby.limits)?);
        let argv = execute::argv(&program.run, &prestart.main, &[]);
        let env = execute::environment(program, &prestart.env, &standby.limits, &dir);
        let (own, control) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        let path = execute::path(program);
        let child = spawn::spawn(&argv, &path, &env, dir.path(), &confines, Stderr::Apart, Some(control.as_fd()))?;
        Ok(Some(Self { standby: standby.clone(), argv, child: Some(child), waiting: Waiting(Arc::new(own)) }))
    }

    /// What tells whether it waits.
    pub fn waiting(&self) -> Waiting {
        self.waiting.clone()
    }

    /// Whether a run can be handed to it.
    pub fn suits(&self, assignment: &Assignment) -> bool {
        suits(&self.standby, assignment)
    }

    /// Waits until the interpreter is ready, and bounds it as the run is to be. `None` when it is not ready in time, or the
    /// run is to stop.
    pub fn ready(self, confines: &Confines, cancel: &Cancel) -> Option<Ready> {
        let deadline = Instant::now() + PATIENCE;
        let mut byte = [0];
        let told =
            wait(&self.waiting.0, cancel, deadline) && matches!(rustix::io::read(&self.waiting.0, &mut byte), Ok(1));
        let lowered = told && confines.lower(self.pid()?).is_ok();
        lowered.then_some(Ready(self))
    }

    fn pid(&self) -> Option<Pid> {
        self.child.as_ref().map(Pid::from_child)
    }
}

impl Drop for Prestarted {
    fn drop(&mut self) {
        if let Some(child) = &self.child
            && let Err(error) = Family::of(child.id()).and_then(|mut family| family.end())
        {
            tracing::warn!(%error, "a waiting interpreter can't be ended");
        }
    }
}

impl Ready {
    /// Cpu time that the interpreter has used so far.
    pub fn cpu(&self) -> Duration {
        self.0.pid().and_then(cpu_of).unwrap_or_default()
    }

    /// Hands the run over. `None` when the interpreter has not taken it: then nothing of the run has happened.
    pub fn hand_over(mut self, argv: &[String], env: &[(String, String)], cancel: &Cancel) -> Option<Child> {
        let further = argv.strip_prefix(&*self.0.argv)?;
        let job = job(further, env).filter(|job| job.len() <= JOB_MAX)?;
        let control = &self.0.waiting.0;
        // There is room for it all: the socket is empty, and holds more than that.
        let sent = send(control, &job, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        if sent != Ok(job.len()) {
            return None;
        }
        // The interpreter closes its end when it has the job. If it dies before, the unread bytes make that an error. One
        // that does neither may have the job: then it is the run, and what stops a run stops it.
        wait(control, cancel, Instant::now() + PATIENCE);
        let lost = recv(control, &mut [0], RecvFlags::DONTWAIT) == Err(Errno::CONNRESET);
        self.0.child.take_if(|_| !lost)
    }
}

impl Waiting {
    /// Whether the interpreter waits now.
    pub fn is_ready(&self) -> bool {
        let mut fds = [PollFd::new(&*self.0, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        // An end that is closed is told too.
        poll(&mut fds, Some(&now)).is_ok() && fds[0].revents() == PollFlags::IN
    }
}

/// Whether a run could be told from one that is started plainly, as far as it shows beforehand.
fn suits(standby: &Standby, assignment: &Assignment) -> bool {
    let Some(prestart) = &standby.program.prestart else { return false };
    // Those that the kernel was told and that can only be lowered. Time and output are the runner's to watch.
    let fits = |wanted: &Limits, most: &Limits| {
        wanted.cpu_seconds <= most.cpu_seconds
            && wanted.memory_bytes <= most.memory_bytes
            && wanted.processes <= most.processes
            && wanted.file_bytes <= most.file_bytes
    };
    assignment.program == standby.program
        && assignment.network == standby.network
        && assignment.program.compile.is_none()
        // It has its pipes already, and each may be written to from the start.
        && !assignment.stderr_to_stdout
        && assignment.files.first().is_some_and(|main| main.name == prestart.main)
        // Interpreters look for settings of their user at their start, which is before the run's files are there.
        && !assignment.files.iter().any(|file| file.name.starts_with('.'))
        && !assignment.env.iter().any(|variable| prestart.fixes(&variable.name))
        && fits(&assignment.limits, &standby.limits)
}

/// The number of bytes in eight hexadecimal digits; the number of arguments; the arguments; the environment. All but the
/// first end in a NUL byte, which none of them can hold.
fn job(args: &[String], env: &[(String, String)]) -> Option<Vec<u8>> {
    let mut body = format!("{}\0", args.len());
    for argument in args {
        body.extend([argument, "\0"]);
    }
    for (name, value) in env {
        body.extend([name, "=", value, "\0"]);
    }
    // A name or an argument with a NUL byte was refused before.
    Some(format!("{:08x}{body}", u32::try_from(body.len()).ok()?).into_bytes())
}

/// Waits until a descriptor can be read; whether it can.
fn wait(fd: &OwnedFd, cancel: &Cancel, deadline: Instant) -> bool {
    loop {
        let mut fds = vec![PollFd::new(fd, PollFlags::IN)];
        fds.extend(cancel.poll_fds());
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return false };
        match poll(&mut fds, Some(&left)) {
            Err(Errno::INTR) => {}
            Err(_) | Ok(0) => return false,
            Ok(_) => return fds[1..].iter().all(|fd| fd.revents().is_empty()),
        }
    }
}

/// Cpu time of a process, exactly.
fn cpu_of(process: Pid) -> Option<Duration> {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: both pointers are valid for writes.
    #[allow(unsafe_code)]
    let failed = unsafe {
        libc::clock_getcpuclockid(process.as_raw_nonzero().get(), &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    (!failed).then(|| Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use locus_core::{Assignment, Encoding, EnvVar, Limits, Network, Seconds, SourceFile, Standby};

    use super::{job, suits};

    type Change = fn(&mut Assignment);

    fn python() -> (Standby, Assignment) {
        let language = locus_languages::find(locus_languages::all(), "python").expect("it is known");
        let program = language.program();
        let standby = Standby { program: program.clone(), limits: Limits::DEFAULT, network: Network::None };
        let assignment = Assignment {
            uid: String::new(),
            program,
            files: vec![file("main.py"), file("lib/a.py")],
            stdin: "in".into(),
            args: vec!["a".into()],
            env: vec![variable("MINE")],
            compile_args: Vec::new(),
            limits: Limits { memory_bytes: 1 << 20, ..Limits::DEFAULT },
            compile_limits: None,
            network: Network::None,
            stderr_to_stdout: false,
            interactive: false,
            output_files: Vec::new(),
            cases: Vec::new(),
        };
        (standby, assignment)
    }

    fn file(name: &str) -> SourceFile {
        SourceFile { name: name.into(), content: String::new(), encoding: Encoding::Utf8 }
    }

    fn variable(name: &str) -> EnvVar {
        EnvVar { name: name.into(), value: "x".into() }
    }

    #[test]
    fn a_run_suits_that_comes_after_all_that_the_interpreter_has_seen() {
        let (standby, assignment) = python();
        assert!(suits(&standby, &assignment));
        let cases: [(&str, Change); 12] = [
            ("another program", |run| run.program.run[0] = "/usr/bin/python3".into()),
            ("a compiler", |run| run.program.compile = Some(vec!["cc".into()])),
            ("another network", |run| run.network = Network::Egress),
            ("one stream for two", |run| run.stderr_to_stdout = true),
            ("another main file", |run| run.files[0].name = "other.py".into()),
            ("no file", |run| run.files.clear()),
            ("settings of the user", |run| run.files.push(file(".local/x"))),
            ("a variable that is read early", |run| run.env.push(variable("PYTHONPATH"))),
            ("more cpu time", |run| run.limits.cpu_seconds = Seconds::from_millis(30_001)),
            ("more memory", |run| run.limits.memory_bytes = Limits::DEFAULT.memory_bytes + 1),
            ("more processes", |run| run.limits.processes += 1),
            ("larger files", |run| run.limits.file_bytes += 1),
        ];
        for (what, change) in cases {
            let mut changed = assignment.clone();
            change(&mut changed);
            assert!(!suits(&standby, &changed), "{what}");
        }
        let mut longer = assignment;
        (longer.limits.timeout_seconds, longer.limits.output_bytes) = (Seconds::whole(3600), 16 << 20);
        assert!(suits(&standby, &longer), "time and output are the runner's to watch");
    }

    #[test]
    fn nothing_suits_a_language_that_can_not_be_held() {
        let (mut standby, mut assignment) = python();
        (standby.program.prestart, assignment.program.prestart) = (None, None);
        assert!(!suits(&standby, &assignment));
    }

    #[test]
    fn a_job_tells_its_length_its_arguments_and_the_environment() {
        let env = [("A".to_owned(), "1=2".to_owned()), ("B".to_owned(), String::new())];
        let job = job(&["x".to_owned(), String::new()], &env).expect("it is short");
        assert_eq!(job, b"0000000e2\0x\0\0A=1=2\0B=\0");
    }
}
