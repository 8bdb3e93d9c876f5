//! Signals as file descriptors, and the ways in which a run can be told to stop.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{DumpableBehavior, set_child_subreaper, set_dumpable_behavior};

/// The signals that ask the runner to stop.
const STOP: [libc::c_int; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// Makes this process a runner. To be called once, before any thread or child exists: threads take
/// over the signal mask, and no child may find a runner that it can read.
pub fn prepare() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Whatever a program leaves behind becomes a child of the runner instead of escaping it.
    set_child_subreaper(Some(rustix::process::getpid()))?;
    block()
}

/// Blocks the signals that are read from descriptors.
pub fn block() -> io::Result<()> {
    let blocked = signal_set(&[&STOP[..], &[libc::SIGCHLD]].concat());
    // SAFETY: both calls get valid arguments; no other thread exists that could be surprised.
    #[allow(unsafe_code)]
    let failed = unsafe {
        // An inherited SIG_IGN would reap children before their status can be read.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL) == libc::SIG_ERR
            || libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, std::ptr::null_mut()) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn signal_set(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set before it is read or changed.
    #[allow(unsafe_code)]
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// A signal as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    code: i32,
    sender: u32,
}

impl Received {
    /// Whether the signal came by `kill` from outside of this pid namespace. Inside a pod only the
    /// container runtime can do that; the program can't, whatever it makes the kernel send.
    pub fn is_from_outside(self) -> bool {
        self.code == libc::SI_USER && self.sender == 0
    }
}

/// Blocked signals, read from a file descriptor.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Those of ended children.
    pub fn of_children() -> io::Result<Self> {
        Self::of(&[libc::SIGCHLD])
    }

    /// Those that ask to stop.
    pub fn of_stop() -> io::Result<Self> {
        Self::of(&STOP)
    }

    fn of(signals: &[libc::c_int]) -> io::Result<Self> {
        let set = signal_set(signals);
        // SAFETY: the set is initialized, and -1 asks for a new descriptor.
        #[allow(unsafe_code)]
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        #[allow(unsafe_code)]
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes the next signal, without waiting.
    pub fn take(&self) -> Option<Received> {
        let mut buffer = [0; size_of::<libc::signalfd_siginfo>()];
        let length = rustix::io::read(&self.0, &mut buffer).ok()?;
        if length < buffer.len() {
            return None;
        }
        // SAFETY: the kernel filled the whole buffer with one such record, which is plain data.
        #[allow(unsafe_code)]
        let info = unsafe { std::ptr::read_unaligned(buffer.as_ptr().cast::<libc::signalfd_siginfo>()) };
        Some(Received { code: info.ssi_code, sender: info.ssi_pid })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::os::fd::AsRawFd for Signals {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

/// What tells a run to stop. Once told, it stays told.
#[derive(Debug)]
pub struct Cancel {
    readable: Vec<Arc<OwnedFd>>,
    hang_up: Option<OwnedFd>,
}

/// Tells a run to stop.
#[derive(Debug, Clone)]
pub struct Canceller(Arc<OwnedFd>);

impl Cancel {
    /// A run that the canceller stops.
    pub fn by_hand() -> io::Result<(Canceller, Self)> {
        let fd = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        Ok((Canceller(fd.clone()), Self { readable: vec![fd], hang_up: None }))
    }

    /// A run that any of these stops once it is readable.
    pub fn on_readable(fds: [OwnedFd; 2]) -> Self {
        Self { readable: fds.map(Arc::new).into(), hang_up: None }
    }

    /// A run that SIGTERM, SIGINT and SIGHUP stop.
    pub fn on_signal() -> io::Result<Self> {
        Ok(Self { readable: vec![Arc::new(Signals::of_stop()?.0)], hang_up: None })
    }

    /// The same, also stopped when the other end of the descriptor is closed.
    pub fn or_hang_up(self, fd: OwnedFd) -> Self {
        Self { hang_up: Some(fd), ..self }
    }

    /// Whether the run was cancelled.
    pub fn is_told(&self) -> bool {
        let mut fds: Vec<_> = self.poll_fds().collect();
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|count| count > 0)
    }

    /// What to poll; any event there means that the run was cancelled.
    pub fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let readable = self.readable.iter().map(|fd| PollFd::new(fd, PollFlags::IN));
        // A closed other end is told without being asked for.
        readable.chain(self.hang_up.iter().map(|fd| PollFd::new(fd, PollFlags::empty())))
    }
}

impl Canceller {
    /// Stops the run; more than once changes nothing.
    pub fn cancel(&self) {
        // Fails only when the counter is full, and then it is readable already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}
