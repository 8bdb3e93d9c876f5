//! Landlock: what of the file system, of signals and of abstract sockets a program can reach, by rules that the kernel
//! applies to it and to all that it starts.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, Scope, path_beneath_rules,
};
use locus_core::Network;

use super::Setting;
use super::view::{DEVICES, SOURCES, ZERO};

/// The newest interface that these rules were made with. An older kernel enforces what it knows of them.
const NEWEST: ABI = ABI::V7;

/// The first interface with scopes: signals and abstract sockets stay inside.
pub const SCOPES: i64 = 6;

/// The interface version of the running kernel; 0 where Landlock is missing or not switched on.
pub fn version() -> i64 {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads no memory and only answers a number.
    #[allow(unsafe_code)]
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, CREATE_RULESET_VERSION)
    };
    version.max(0)
}

/// The rules of a run; `None` where the kernel has no Landlock.
///
/// # Errors
/// When the kernel refuses them.
pub fn ruleset(setting: &Setting) -> io::Result<Option<OwnedFd>> {
    let Setting { view, network, counted, .. } = setting;
    let all = AccessFs::from_all(NEWEST);
    let read = AccessFs::from_read(NEWEST);
    let device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    // Device nodes in a work folder are of no good use.
    let write: BitFlags<AccessFs> = all & !(AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    let readable: Vec<&Path> = if view.own_root { vec![Path::new("/")] } else { view.readable().collect() };
    let build = || -> Result<_, landlock::RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(NEWEST))?;
        if *network == Network::None {
            rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
        }
        rules
            .create()?
            .add_rules(path_beneath_rules(readable, read))?
            .add_rules(path_beneath_rules(DEVICES, device))?
            .add_rules(path_beneath_rules(SOURCES, AccessFs::ReadFile))?
            .add_rules(path_beneath_rules(counted.then_some(ZERO), device))?
            .add_rules(path_beneath_rules(&view.writable, write))
    };
    build().map(Into::into).map_err(io::Error::other)
}

/// Puts this thread, and what it becomes, under the rules. Allocates nothing.
pub fn restrict(rules: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes a descriptor and flags; no memory is involved.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0u32) } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
