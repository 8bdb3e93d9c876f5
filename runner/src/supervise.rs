//! From the first instruction of a step to its end: its streams, its clock, its limits.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use locus_core::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitOptions, WaitStatus, pidfd_open, waitpid};

use crate::execute::{Cancel, Place};
use crate::processes;

/// The most bytes that are read of a stream at one time.
const CHUNK: usize = 32 * 1024;

/// The time between two looks at the memory of a run that no cgroup bounds.
const MEMORY_PERIOD: Duration = Duration::from_millis(50);

/// The time that killed processes' pipes have to be read to their end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the runner stopped a step. The first reason counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Someone asked for it.
    Cancelled,
    /// The wall-clock limit.
    Timeout,
    /// The memory limit.
    Memory,
    /// The output limit.
    Output,
}

/// Which stream a chunk is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a step ended.
pub struct Ended {
    /// How its first process ended.
    pub status: WaitStatus,
    /// Why the runner stopped it, if it did.
    pub stop: Option<Stop>,
    /// Whether stdout and stderr were cut at the output limit.
    pub truncated: [bool; 2],
    /// Its time on the clock.
    pub wall: Duration,
}

/// Follows a step to its end. When this returns, no process of it is alive.
///
/// # Errors
/// When the kernel refuses what can't be refused; everything is killed then too.
pub fn supervise(
    child: Child,
    stdin: &[u8],
    limits: &Limits,
    place: Place,
    cancel: &Cancel,
    on_chunk: &mut dyn FnMut(Stream, &[u8]),
) -> io::Result<Ended> {
    let ended = Supervisor::new(child, stdin, limits, place)?.follow(cancel, on_chunk);
    processes::kill_all();
    ended
}

struct Supervisor<'a> {
    pid: Pid,
    process: OwnedFd,
    stdin: Option<ChildStdin>,
    unwritten: &'a [u8],
    stdout: Output<ChildStdout>,
    stderr: Output<ChildStderr>,
    start: Instant,
    timeout: Duration,
    /// The memory to watch for, where no cgroup does.
    memory: Option<u64>,
}

impl<'a> Supervisor<'a> {
    fn new(mut child: Child, stdin: &'a [u8], limits: &Limits, place: Place) -> io::Result<Self> {
        let start = Instant::now();
        let pid = Pid::from_child(&child);
        let missing = || io::Error::other("the process has no pipe");
        let stdout = Output::new(child.stdout.take().ok_or_else(missing)?, limits.output_bytes)?;
        let stderr = Output::new(child.stderr.take().ok_or_else(missing)?, limits.output_bytes)?;
        let input = child.stdin.take().ok_or_else(missing)?;
        non_blocking(&input)?;
        Ok(Self {
            pid,
            process: pidfd_open(pid, PidfdFlags::empty())?,
            // An empty input is closed at once: the program reads its end.
            stdin: Some(input).filter(|_| !stdin.is_empty()),
            unwritten: stdin,
            stdout,
            stderr,
            start,
            timeout: Duration::from_secs(limits.timeout_seconds.into()),
            memory: (place == Place::Embedded).then_some(limits.memory_bytes),
        })
    }

    fn follow(mut self, cancel: &Cancel, on_chunk: &mut dyn FnMut(Stream, &[u8])) -> io::Result<Ended> {
        let mut stop = None;
        let mut status = None;
        let mut look = self.start;
        while stop.is_none() && status.is_none() {
            let elapsed = self.start.elapsed();
            if elapsed >= self.timeout {
                stop = Some(Stop::Timeout);
                break;
            }
            let mut patience = self.timeout - elapsed;
            if let Some(memory) = self.memory {
                patience = patience.min(MEMORY_PERIOD);
                if look.elapsed() >= MEMORY_PERIOD {
                    look = Instant::now();
                    if processes::hold_more_than(memory) {
                        stop = Some(Stop::Memory);
                        break;
                    }
                }
            }
            let ready = self.wait(Some(cancel.fd()), patience)?;
            if ready.cancelled {
                stop = Some(Stop::Cancelled);
                break;
            }
            if ready.stdin {
                self.write();
            }
            let within = self.stdout.read(ready.stdout, Stream::Stdout, on_chunk)
                & self.stderr.read(ready.stderr, Stream::Stderr, on_chunk);
            if !within {
                stop = Some(Stop::Output);
            }
            if ready.ended {
                status = waitpid(Some(self.pid), WaitOptions::empty())?.map(|(_, status)| status);
            }
        }
        let wall = self.start.elapsed();
        let status = self.end(status)?;
        let within = self.drain(on_chunk)?;
        if stop.is_none() && !within {
            stop = Some(Stop::Output);
        }
        Ok(Ended { status, stop, truncated: [self.stdout.truncated, self.stderr.truncated], wall })
    }

    /// Kills what is left and takes in how the first process ended.
    fn end(&mut self, status: Option<WaitStatus>) -> io::Result<WaitStatus> {
        self.stdin = None;
        if let Some(status) = status {
            processes::kill_all();
            return Ok(status);
        }
        // It may have ended by itself at this very moment.
        let _ = rustix::process::kill_process(self.pid, rustix::process::Signal::KILL);
        let ended = waitpid(Some(self.pid), WaitOptions::empty())?;
        processes::kill_all();
        ended.map(|(_, status)| status).ok_or_else(|| io::Error::other("the process did not end"))
    }

    /// Reads what the pipes still hold. Every writer is dead, so their end comes soon.
    fn drain(&mut self, on_chunk: &mut dyn FnMut(Stream, &[u8])) -> io::Result<bool> {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        let mut within = true;
        while self.stdout.is_open() || self.stderr.is_open() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let ready = self.wait(None, left)?;
            within &= self.stdout.read(ready.stdout, Stream::Stdout, on_chunk);
            within &= self.stderr.read(ready.stderr, Stream::Stderr, on_chunk);
        }
        self.stdout.flush(Stream::Stdout, on_chunk);
        self.stderr.flush(Stream::Stderr, on_chunk);
        Ok(within)
    }

    /// Writes what the program's input takes; a program that reads no more is no error.
    fn write(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        match stdin.write(self.unwritten) {
            Ok(written) => self.unwritten = &self.unwritten[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => self.unwritten = &[],
        }
        if self.unwritten.is_empty() {
            self.stdin = None;
        }
    }

    fn wait(&self, cancel: Option<BorrowedFd<'_>>, patience: Duration) -> io::Result<Ready> {
        let mut fds = Vec::with_capacity(5);
        let mut index = [None; 5];
        let sources = [
            (self.stdout.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stderr.pipe.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
            (cancel.is_some().then(|| self.process.as_fd()), PollFlags::IN),
            (cancel, PollFlags::IN),
        ];
        for (slot, (fd, flags)) in index.iter_mut().zip(&sources) {
            if let Some(fd) = fd {
                *slot = Some(fds.len());
                fds.push(PollFd::from_borrowed_fd(*fd, *flags));
            }
        }
        let time = Timespec { tv_sec: patience.as_secs().cast_signed(), tv_nsec: patience.subsec_nanos().into() };
        match poll(&mut fds, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [stdout, stderr, stdin, ended, cancelled] =
            index.map(|slot| slot.is_some_and(|slot| !fds[slot].revents().is_empty()));
        Ok(Ready { stdout, stderr, stdin, ended, cancelled })
    }
}

#[allow(clippy::struct_excessive_bools, reason = "one per descriptor that was polled")]
struct Ready {
    stdout: bool,
    stderr: bool,
    stdin: bool,
    ended: bool,
    cancelled: bool,
}

/// One output stream. Whole characters are passed on, so that a cut never splits one.
struct Output<P> {
    pipe: Option<P>,
    room: u64,
    held: Vec<u8>,
    truncated: bool,
}

impl<P: io::Read + AsFd> Output<P> {
    fn new(pipe: P, room: u64) -> io::Result<Self> {
        non_blocking(&pipe)?;
        Ok(Self { pipe: Some(pipe), room, held: Vec::new(), truncated: false })
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Reads a chunk if there is one; false when the stream has grown past its limit.
    fn read(&mut self, ready: bool, stream: Stream, on_chunk: &mut dyn FnMut(Stream, &[u8])) -> bool {
        let Some(pipe) = self.pipe.as_mut().filter(|_| ready) else { return true };
        let mut buffer = [0; CHUNK];
        let count = match pipe.read(&mut buffer) {
            Ok(0) => {
                self.pipe = None;
                return true;
            }
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return true;
            }
            Err(_) => {
                self.pipe = None;
                return true;
            }
        };
        let kept = count.min(usize::try_from(self.room).unwrap_or(usize::MAX));
        self.room -= kept as u64;
        self.held.extend_from_slice(&buffer[..kept]);
        let whole = self.held.len() - incomplete_tail(&self.held);
        if whole > 0 {
            on_chunk(stream, &self.held[..whole]);
            self.held.drain(..whole);
        }
        if kept < count {
            self.truncated = true;
            self.held.clear();
            self.pipe = None;
        }
        !self.truncated
    }

    /// Passes on what is held back: no more will complete it.
    fn flush(&mut self, stream: Stream, on_chunk: &mut dyn FnMut(Stream, &[u8])) {
        if !self.held.is_empty() {
            on_chunk(stream, &self.held);
            self.held.clear();
        }
    }
}

/// How many bytes at the end begin a character that is not complete.
fn incomplete_tail(bytes: &[u8]) -> usize {
    for length in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - length];
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        return if needed > length { length } else { 0 };
    }
    0
}

fn non_blocking(fd: &impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::incomplete_tail;

    #[test]
    fn only_the_beginning_of_a_character_is_held_back() {
        for (bytes, held) in [
            (&b""[..], 0),
            (b"a", 0),
            ("é".as_bytes(), 0),
            (&"é".as_bytes()[..1], 1),
            (&"€".as_bytes()[..2], 2),
            (&"🦀".as_bytes()[..3], 3),
            ("🦀".as_bytes(), 0),
            (&[0xff], 0),
            (&[0x80, 0x80, 0x80, 0x80], 0),
        ] {
            assert_eq!(incomplete_tail(bytes), held, "{bytes:?}");
        }
    }
}
