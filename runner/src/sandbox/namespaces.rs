//! User, mount, network, ipc, hostname, cgroup and process namespaces of the run's own, made as an ordinary user.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};

use locus_core::Network;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, waitpid};
use rustix::thread::{Gid, Uid};

use super::confines::drop_capabilities;
use super::root::{self, TMP, WORK};
use super::view::View;
use crate::signals::{self, Signals};

/// The user and the group that a program is, as it sees itself.
const USER: u32 = 1000;
/// The host's user id of a run that root starts is this and the number of the process that waits for it: an id that
/// nothing else has. It lies past the ranges that container managers hand out.
const FIRST_HOST_USER: u32 = 2_000_000_000;
/// The user of nobody, for containers that map few ids.
const NOBODY: u32 = 65534;

/// Why there are no namespaces.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub struct EnterError {
    /// What failed.
    pub step: Cow<'static, str>,
    /// Why.
    #[source]
    pub source: io::Error,
}

trait Named<T> {
    fn named(self, step: &'static str) -> Result<T, EnterError>;
}

impl<T, E: Into<io::Error>> Named<T> for Result<T, E> {
    fn named(self, step: &'static str) -> Result<T, EnterError> {
        self.map_err(|source| EnterError { step: step.into(), source: source.into() })
    }
}

/// Goes on as PID 1 of fresh namespaces, with a root folder of its own and no capabilities. The process that called
/// waits for that one, ends as it does, and passes on what it is told by signals: one of the descriptors that are
/// returned becomes readable when the run is to stop, the other when that process is gone. No other thread may exist.
///
/// # Errors
/// [`EnterError`], always in the process that called. It is good for telling the error and for nothing else: it may
/// have changed its user and its namespaces.
pub fn enter(view: &View, network: Network) -> Result<[OwnedFd; 2], EnterError> {
    signals::block().named("signals can't be blocked")?;
    let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).named("no eventfd")?;
    let sources = take_root_away(view)?;
    // In the new namespace this process no longer knows them.
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    unshare(NAMESPACES).named("namespaces can't be made")?;
    map_ids(user, group).named("user ids can't be mapped")?;
    let sources = match sources {
        Some(sources) => sources,
        None => root::sources(view).named("the machine's folders can't be mounted")?,
    };
    let caller = pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).named("this process can't be named")?;
    let (network_read, network_write) = pipe().named("no pipe")?;
    let (settled_read, settled_write) = pipe().named("no pipe")?;
    // SAFETY: the caller sees to it that there is no other thread, whose locks could stay behind.
    #[allow(unsafe_code)]
    match unsafe { libc::fork() } {
        0 => {
            drop((network_write, settled_read));
            if let Err(error) = settle(&sources, network, &caller, &network_read) {
                let code = error.source.raw_os_error().unwrap_or(libc::EIO);
                // The caller, which reads it, tells it.
                let _ = File::from(settled_write).write_all(format!("{code} {}", error.step).as_bytes());
                std::process::exit(1);
            }
            Ok([stop, caller])
        }
        child if child > 0 => {
            drop((network_read, settled_write));
            if network != Network::Egress {
                // A network takes long to make. Meanwhile the child makes its root folder.
                let code =
                    unshare(libc::CLONE_NEWNET).err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
                let _ = File::from(network_write).write_all(&code.to_ne_bytes());
            }
            let mut failure = String::new();
            File::from(settled_read).read_to_string(&mut failure).named("the new process can't be heard")?;
            if let Some((code, step)) = failure.split_once(' ') {
                let source = io::Error::from_raw_os_error(code.parse().unwrap_or(libc::EIO));
                return Err(EnterError { step: step.to_owned().into(), source });
            }
            attend(child, &stop)
        }
        _ => Err(io::Error::last_os_error()).named("no process can be started"),
    }
}

/// All but the network's.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Waits until the caller has made a network, and enters it.
fn join_network(caller: &OwnedFd, made: &OwnedFd) -> io::Result<()> {
    let mut code = [0; size_of::<i32>()];
    if rustix::io::read(made, &mut code)? < code.len() {
        return Err(io::Error::other("the process that makes it is gone"));
    }
    match i32::from_ne_bytes(code) {
        0 => {}
        code => return Err(io::Error::from_raw_os_error(code)),
    }
    // SAFETY: takes a descriptor and flags; no memory is involved.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::setns(caller.as_raw_fd(), libc::CLONE_NEWNET) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Root first takes hold of what it alone can reach, and then becomes a user that owns nothing.
fn take_root_away(view: &View) -> Result<Option<Vec<root::Source>>, EnterError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let sources = root::sources(view).named("the machine's folders can't be mounted")?;
    drop_root().named("root can't become another user")?;
    Ok(Some(sources))
}

/// Makes this process, if it is root's, that of a user who owns nothing. No other thread may exist.
pub fn drop_root() -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let become_user = |id: u32| -> io::Result<()> {
        let (group, user) = (Gid::from_raw(id), Uid::from_raw(id));
        rustix::thread::set_thread_groups(&[])?;
        rustix::thread::set_thread_res_gid(group, group, group)?;
        Ok(rustix::thread::set_thread_res_uid(user, user, user)?)
    };
    become_user(FIRST_HOST_USER + std::process::id()).or_else(|_| become_user(NOBODY))
}

fn unshare(flags: i32) -> io::Result<()> {
    // SAFETY: takes flags only; none of them makes this process share memory or descriptors less.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::unshare(flags) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// One user and one group exist in the namespace, and they are nobody special outside of it.
fn map_ids(user: Uid, group: Gid) -> io::Result<()> {
    // Its own files in /proc belong to root while a process is not dumpable, as it is after a change of users.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{USER} {} 1", user.as_raw()))?;
    fs::write("/proc/self/gid_map", format!("{USER} {} 1", group.as_raw()))
}

/// What is left to do once this is PID 1.
fn settle(
    sources: &[root::Source],
    network: Network,
    caller: &OwnedFd,
    network_made: &OwnedFd,
) -> Result<(), EnterError> {
    root::build(sources, &[WORK, TMP]).named("the root folder can't be made")?;
    rustix::system::sethostname(b"locus").named("the host can't be named")?;
    if network != Network::Egress {
        join_network(caller, network_made).named("the network can't be entered")?;
    }
    if network == Network::Loopback {
        bring_up_loopback().named("the loopback interface can't be brought up")?;
    }
    drop_capabilities().named("capabilities can't be dropped")?;
    // Last: the kernel forgets it when a process changes what it may do.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).named("no signal at the parent's end")
}

fn bring_up_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: a zeroed request is valid; the name fits with its end.
    #[allow(unsafe_code)]
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    // SAFETY: the request outlives the call.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits for PID 1 and ends as it did.
fn attend(child: i32, stop: &OwnedFd) -> ! {
    let ended = wait_for(child, stop);
    if let Ok(status) = &ended
        && let Some(signal) = status.terminating_signal()
    {
        // The same signal, so that whoever waits for this process learns the truth.
        // SAFETY: sets a disposition and sends a signal; no memory is involved.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    std::process::exit(ended.ok().and_then(WaitStatus::exit_status).unwrap_or(1))
}

fn wait_for(child: i32, stop: &OwnedFd) -> io::Result<WaitStatus> {
    // Who reads the events learns from the end of the pipe that PID 1 is gone: this process must not hold it open.
    let null = rustix::fs::open(c"/dev/null", rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    let child = Pid::from_raw(child).ok_or(io::ErrorKind::NotFound)?;
    let ended = pidfd_open(child, PidfdFlags::empty())?;
    let signals = Signals::of_stop()?;
    loop {
        let mut fds = [PollFd::new(&ended, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        while signals.take().is_some() {
            // It can only fail when it is full, and then it is readable.
            let _ = rustix::io::write(stop, &1u64.to_ne_bytes());
        }
        if let Some((_, status)) = waitpid(Some(child), WaitOptions::NOHANG)? {
            return Ok(status);
        }
    }
}
