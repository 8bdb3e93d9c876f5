//! One process with all that it starts, supervised from its start to the death of the last of them.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use locus_core::{Limits, Usage};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

use crate::family::{Family, Status};
use crate::memory::Gauge;
use crate::output::{Cutter, Stream};
use crate::prestart::Prestarted;
use crate::sandbox::Confines;
use crate::signals::Cancel;
use crate::spawn::{self, Stderr};

/// The most bytes of an output event.
const CHUNK: usize = 32 * 1024;
/// How often memory and cpu time of all processes together are looked at: more often in a process namespace of the
/// run's own, where nothing else has to be looked through.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_INSIDE: Duration = Duration::from_millis(25);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The command.
    pub argv: &'a [String],
    /// Folders that it is looked up in.
    pub path: &'a str,
    /// Its whole environment.
    pub env: &'a [(String, String)],
    /// Its working directory.
    pub folder: &'a Path,
    /// What it reads on standard input.
    pub stdin: &'a [u8],
    /// Its limits.
    pub limits: &'a Limits,
    /// What it writes standard error to.
    pub stderr: Stderr,
    /// What of `limits` each of its streams may hold.
    pub room: Room,
    /// What bounds it beside the supervision.
    pub confines: &'a Arc<Confines>,
    /// What tells its memory.
    pub gauge: &'a Gauge,
    /// What stops it.
    pub cancel: &'a Cancel,
}

/// Input that comes while the program runs.
#[derive(Debug)]
pub struct Feed {
    /// What has come.
    pub begun: Vec<u8>,
    /// What is read for more, until its end. It is closed when the program reads no more.
    pub more: OwnedFd,
}

/// The most bytes of each stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of standard output.
    pub stdout: u64,
    /// Of standard error.
    pub stderr: u64,
}

impl Room {
    /// What limits give to each.
    pub fn of(limits: &Limits) -> Self {
        Self { stdout: limits.output_bytes, stderr: limits.output_bytes }
    }

    /// That of one stream.
    pub fn get(self, stream: Stream) -> u64 {
        match stream {
            Stream::Stdout => self.stdout,
            Stream::Stderr => self.stderr,
        }
    }

    /// Takes from that of one stream.
    pub fn take(&mut self, stream: Stream, bytes: u64) {
        let room = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        *room = room.saturating_sub(bytes);
    }
}

/// Why the runner ended a step, or the kernel on its behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Someone asked for it.
    Cancelled,
    /// The wall-clock limit.
    WallClock,
    /// The cpu-time limit.
    CpuTime,
    /// The memory limit.
    Memory,
    /// The output limit.
    Output(Stream),
}

/// How a step ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// How the main process ended.
    pub status: Status,
    /// Why it was made to, if it was: the first cause that was acted on.
    pub cause: Option<Cause>,
    /// Whether stdout was cut at the limit.
    pub stdout_truncated: bool,
    /// Whether stderr was cut at the limit.
    pub stderr_truncated: bool,
    /// What all processes used together.
    pub usage: Usage,
    /// Whether the main process had been waiting for the step.
    pub prestarted: bool,
}

/// Why a step has no end to tell.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The process did not start.
    #[error("{program} can't be started: {source}")]
    Start {
        /// The command's name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The supervision failed.
    #[error("the program can't be supervised: {0}")]
    Supervise(#[from] io::Error),
}

/// What holds at the moment that a step begins.
#[derive(Debug, Clone, Copy)]
struct Begin {
    at: Instant,
    /// Processes that the kernel had killed for memory.
    kills: Option<u64>,
    /// The most memory that the gauge had seen.
    peak: Option<u64>,
    /// Cpu time that the gauge told.
    told: Option<Duration>,
    /// Cpu time that the main process had used, waiting for the step.
    used: Duration,
}

impl Step<'_> {
    /// Runs the step, in the interpreter that waits for it or else in a new process. What comes from `feed` is input too,
    /// behind that of the step. When it returns, no process of it is left.
    pub fn run(
        self,
        interpreter: Option<Prestarted>,
        feed: Option<Feed>,
        on_output: &mut dyn FnMut(Stream, Vec<u8>),
    ) -> Result<Ended, StepError> {
        let handed_over = interpreter.and_then(|interpreter| self.hand_over(interpreter));
        let prestarted = handed_over.is_some();
        let (begin, mut child) = match handed_over {
            Some(handed_over) => handed_over,
            None => self.start()?,
        };
        let mut family = Family::of(child.id())?;
        let supervised = Pipes::of(&mut child, &self, feed).and_then(|mut pipes| {
            let cause = self.supervise(begin, &mut family, &mut pipes, on_output)?;
            Ok((pipes, cause))
        });
        // Also after a failure: nothing of the run may stay behind.
        family.end()?;
        let wall = begin.at.elapsed();
        let (mut pipes, mut cause) = supervised?;
        // Nobody writes any more, so what can be read now is all there is.
        pipes.drain(on_output);
        let status = family.status.ok_or_else(|| io::Error::other("the process vanished"))?;
        let seen = family.cpu.saturating_sub(begin.used);
        if cause.is_none() {
            let was_over = || self.gauge.was_over(&family, self.limits.memory_bytes, begin.peak);
            cause = self
                .kernel_cause(status, begin.kills, seen)
                .or_else(|| was_over().then_some(Cause::Memory))
                .or_else(|| pipes.over().map(Cause::Output));
        }
        Ok(Ended {
            status,
            cause,
            stdout_truncated: pipes.stdout.cutter.is_over(),
            stderr_truncated: pipes.stderr.cutter.is_over(),
            usage: Usage {
                wall_seconds: wall.as_secs_f64(),
                cpu_seconds: self.cpu_since(begin, family.cpu).as_secs_f64(),
                memory_peak_bytes: family.peak,
            },
            prestarted,
        })
    }

    fn begin(&self, used: Duration) -> Begin {
        let (kills, peak, told) = (self.gauge.oom_kills(), self.gauge.peak(), self.gauge.cpu());
        Begin { at: Instant::now(), kills, peak, told, used }
    }

    fn hand_over(&self, interpreter: Prestarted) -> Option<(Begin, Child)> {
        let ready = interpreter.ready(self.confines, self.cancel)?;
        let begin = self.begin(ready.cpu());
        Some((begin, ready.hand_over(self.argv, self.env, self.cancel)?))
    }

    fn start(&self) -> Result<(Begin, Child), StepError> {
        let begin = self.begin(Duration::ZERO);
        let child = spawn::spawn(self.argv, self.path, self.env, self.folder, self.confines, self.stderr, None)
            .map_err(|source| StepError::Start { program: self.argv.first().cloned().unwrap_or_default(), source })?;
        Ok((begin, child))
    }

    /// Waits until the main process ends by itself or there is a cause to end it.
    fn supervise(
        &self,
        begin: Begin,
        family: &mut Family,
        pipes: &mut Pipes<'_>,
        on_output: &mut dyn FnMut(Stream, Vec<u8>),
    ) -> io::Result<Option<Cause>> {
        let deadline = begin.at + Duration::from(self.limits.timeout_seconds);
        let pause = if std::process::id() == 1 { LOOK_INSIDE } else { LOOK };
        let mut next_look = begin.at + pause;
        loop {
            let ready = self.wait(family, pipes, deadline.min(next_look))?;
            if ready.cancelled {
                return Ok(Some(Cause::Cancelled));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(Some(Cause::WallClock));
            }
            if now >= next_look {
                if let Some(cause) = self.look(family, begin, deadline) {
                    return Ok(Some(cause));
                }
                // Counted from the end of the look: on a busy machine it is not all that the runner does.
                next_look = Instant::now() + pause;
            }
            pipes.serve(&ready, on_output);
            if let Some(stream) = pipes.over() {
                return Ok(Some(Cause::Output(stream)));
            }
            if ready.children {
                family.reap();
                if family.status.is_some() {
                    return Ok(None);
                }
            }
        }
    }

    fn wait(&self, family: &Family, pipes: &Pipes<'_>, until: Instant) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(family.signals(), PollFlags::IN)];
        fds.extend(self.cancel.poll_fds());
        let cancels = 1..fds.len();
        let stdout = add(&mut fds, pipes.stdout.fd(), PollFlags::IN);
        let stderr = add(&mut fds, pipes.stderr.fd(), PollFlags::IN);
        // That nobody reads any more is told without being asked for.
        let writable = if pipes.is_written() { PollFlags::empty() } else { PollFlags::OUT };
        let stdin = add(&mut fds, pipes.stdin.as_ref().map(AsFd::as_fd), writable);
        // Nothing is taken before the program has read what was.
        let feed = pipes.feed.as_ref().filter(|_| pipes.is_written()).map(AsFd::as_fd);
        let feed = add(&mut fds, feed, PollFlags::IN);
        let left = until.saturating_duration_since(Instant::now());
        match poll(&mut fds, Some(&Timespec::try_from(left).map_err(io::Error::other)?)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let fired = |index: usize| !fds[index].revents().is_empty();
        Ok(Ready {
            children: fired(0),
            cancelled: cancels.clone().any(fired),
            stdout: stdout.is_some_and(fired),
            stderr: stderr.is_some_and(fired),
            stdin: stdin.is_some_and(fired),
            unread: stdin.is_some_and(|index| fds[index].revents().contains(PollFlags::ERR)),
            feed: feed.is_some_and(fired),
        })
    }

    fn look(&self, family: &mut Family, begin: Begin, deadline: Instant) -> Option<Cause> {
        if self.cpu_since(begin, family.cpu + family.living().cpu) > self.cpu_limit() {
            return Some(Cause::CpuTime);
        }
        self.gauge.is_over(family, self.limits.memory_bytes, deadline).then_some(Cause::Memory)
    }

    /// The cause of an end that the kernel brought about.
    fn kernel_cause(&self, status: Status, kills_before: Option<u64>, cpu: Duration) -> Option<Cause> {
        let kernel_limit = Duration::from_secs(self.limits.cpu_seconds.rounded_up().into());
        match status {
            Status::Signaled(libc::SIGKILL) if self.gauge.oom_kills() > kills_before => Some(Cause::Memory),
            // The soft limit, and the hard one for a program that ignores SIGXCPU. Anyone can send the same signals. The
            // kernel keeps its limits by counting ticks, which on a busy machine is far from the time that it tells.
            Status::Signaled(libc::SIGXCPU | libc::SIGKILL) if cpu * 2 >= kernel_limit => Some(Cause::CpuTime),
            _ => None,
        }
    }

    /// Cpu time of the step: what was seen of its processes, or what the cgroup tells, if that is more.
    fn cpu_since(&self, begin: Begin, seen: Duration) -> Duration {
        let seen = seen.saturating_sub(begin.used);
        let told = self.gauge.cpu().zip(begin.told).map(|(now, before)| now.saturating_sub(before));
        told.map_or(seen, |told| told.max(seen))
    }

    fn cpu_limit(&self) -> Duration {
        self.limits.cpu_seconds.into()
    }
}

/// Polls a descriptor too, if there is one; its place among the polled.
fn add<'fd>(fds: &mut Vec<PollFd<'fd>>, fd: Option<BorrowedFd<'fd>>, flags: PollFlags) -> Option<usize> {
    fds.push(PollFd::from_borrowed_fd(fd?, flags));
    Some(fds.len() - 1)
}

/// What `wait` woke for.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "one flag a descriptor")]
struct Ready {
    children: bool,
    cancelled: bool,
    stdout: bool,
    stderr: bool,
    stdin: bool,
    /// The program has closed its end of stdin.
    unread: bool,
    feed: bool,
}

/// The runner's ends of the three pipes; none of them blocks.
struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    /// Input, and how much of it was written.
    input: Cow<'a, [u8]>,
    written: usize,
    /// Where more input comes from.
    feed: Option<OwnedFd>,
    stdout: Outlet,
    stderr: Outlet,
}

impl<'a> Pipes<'a> {
    fn of(child: &mut Child, step: &Step<'a>, feed: Option<Feed>) -> io::Result<Self> {
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let stderr = child.stderr.take();
        ioctl_fionbio(&stdin, true)?;
        let mut input = Cow::from(step.stdin);
        let feed = feed.map(|Feed { begun, more }| {
            if !begun.is_empty() {
                input.to_mut().extend(begun);
            }
            more
        });
        Ok(Self {
            // Without input the program finds its end at once.
            stdin: Some(stdin).filter(|_| !step.stdin.is_empty() || feed.is_some()),
            input,
            written: 0,
            feed,
            stdout: Outlet::new(Stream::Stdout, Some(stdout.into()), step.room.stdout)?,
            stderr: Outlet::new(Stream::Stderr, stderr.map(Into::into), step.room.stderr)?,
        })
    }

    fn serve(&mut self, ready: &Ready, on_output: &mut dyn FnMut(Stream, Vec<u8>)) {
        if ready.stdout {
            self.stdout.read(on_output);
        }
        if ready.stderr {
            self.stderr.read(on_output);
        }
        if ready.feed {
            self.take();
        }
        if ready.unread {
            self.give_up_input();
        } else if ready.stdin || ready.feed {
            self.write();
        }
    }

    /// Whether the program has been given all that there is.
    fn is_written(&self) -> bool {
        self.written == self.input.len()
    }

    /// Takes more input, where there is some.
    fn take(&mut self) {
        let Some(feed) = &self.feed else { return };
        let mut buffer = vec![0; CHUNK];
        match rustix::io::read(feed, &mut buffer) {
            Ok(count @ 1..) => {
                buffer.truncate(count);
                (self.input, self.written) = (buffer.into(), 0);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(0) | Err(_) => self.feed = None,
        }
    }

    fn write(&mut self) {
        let Some(stdin) = &self.stdin else { return };
        match rustix::io::write(stdin, &self.input[self.written..]) {
            Ok(count) => self.written += count,
            Err(Errno::AGAIN | Errno::INTR) => {}
            // The program does not read to the end, which is its own affair.
            Err(_) => self.give_up_input(),
        }
        if self.is_written() && self.feed.is_none() {
            self.stdin = None;
        }
    }

    /// Closing the feed tells whoever sends.
    fn give_up_input(&mut self) {
        (self.input, self.written) = (Cow::default(), 0);
        (self.stdin, self.feed) = (None, None);
    }

    fn over(&self) -> Option<Stream> {
        [&self.stdout, &self.stderr].into_iter().find(|outlet| outlet.cutter.is_over()).map(|outlet| outlet.stream)
    }

    fn drain(&mut self, on_output: &mut dyn FnMut(Stream, Vec<u8>)) {
        for outlet in [&mut self.stdout, &mut self.stderr] {
            while !outlet.cutter.is_over() && outlet.read(on_output) {}
            outlet.close(on_output);
        }
    }
}

/// The runner's end of an output pipe.
struct Outlet {
    stream: Stream,
    pipe: Option<OwnedFd>,
    cutter: Cutter,
    buffer: Box<[u8]>,
}

impl Outlet {
    /// Without a pipe nothing ever comes.
    fn new(stream: Stream, pipe: Option<OwnedFd>, limit: u64) -> io::Result<Self> {
        pipe.as_ref().map(|pipe| ioctl_fionbio(pipe, true)).transpose()?;
        Ok(Self { stream, pipe, cutter: Cutter::new(limit), buffer: vec![0; CHUNK].into() })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads once; whether there was something.
    fn read(&mut self, on_output: &mut dyn FnMut(Stream, Vec<u8>)) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        match rustix::io::read(pipe, &mut *self.buffer) {
            Ok(count @ 1..) => {
                let bytes = self.cutter.push(&self.buffer[..count]);
                self.tell(bytes, on_output);
                true
            }
            Err(Errno::INTR) => true,
            Err(Errno::AGAIN) => false,
            // Every writer has closed it.
            Ok(0) | Err(_) => {
                self.close(on_output);
                false
            }
        }
    }

    fn close(&mut self, on_output: &mut dyn FnMut(Stream, Vec<u8>)) {
        self.pipe = None;
        let bytes = self.cutter.finish();
        self.tell(bytes, on_output);
    }

    fn tell(&self, bytes: Vec<u8>, on_output: &mut dyn FnMut(Stream, Vec<u8>)) {
        if !bytes.is_empty() {
            on_output(self.stream, bytes);
        }
    }
}
