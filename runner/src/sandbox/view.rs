//! What a program may see of the file system, for the layers that see to it.

use std::path::{Path, PathBuf};

/// Where the system keeps programs and libraries.
pub const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store"];

/// What programs and libraries read of /etc: no names of users or machines, and no secrets, not even such as a group may
/// read that whoever runs Locus belongs to.
pub const ETC: &[&str] = &[
    "/etc/alternatives",
    "/etc/crypto-policies",
    "/etc/group",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// How names are resolved: only of use, and only open, where there is a network.
pub const RESOLVER: &str = "/etc/resolv.conf";

/// What the kernel tells of itself and of processes.
pub const KERNEL: &[&str] = &["/proc", "/sys/devices/system/cpu"];

/// Devices to read and write.
pub const DEVICES: &[&str] = &["/dev/null", "/dev/full", "/dev/tty"];

/// Devices to read.
pub const SOURCES: &[&str] = &["/dev/random", "/dev/urandom", ZERO];

/// To be written only where memory is counted: what is mapped of it to be shared belongs to no process.
pub const ZERO: &str = "/dev/zero";

/// Where the languages' own files stand.
pub const LANGUAGES: &str = "/locus";

/// Shared memory with a name.
pub const SHARED_MEMORY: &str = "/dev/shm";

/// What one program may see.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// What its language needs beside the system's own.
    pub language: Vec<PathBuf>,
    /// Folders that it may write to.
    pub writable: Vec<PathBuf>,
    /// Whether there is a network to resolve names for.
    pub resolver: bool,
    /// Whether the root folder holds nothing but what may be seen.
    pub own_root: bool,
}

impl View {
    /// Files and folders that the program may read and execute.
    pub fn readable(&self) -> impl Iterator<Item = &Path> {
        let fixed = [SYSTEM, ETC, KERNEL, &[LANGUAGES]].into_iter().flatten().map(Path::new);
        fixed.chain(self.resolver.then_some(Path::new(RESOLVER))).chain(self.language.iter().map(PathBuf::as_path))
    }
}
