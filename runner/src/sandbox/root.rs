//! A root folder of the run's own: what its view names, read-only, and private /work, /tmp, /dev and /proc.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};

use super::DISK_BYTES;
use super::view::{DEVICES, LANGUAGES, SHARED_MEMORY, SOURCES, SYSTEM, View};
use crate::ipc::QUEUES;

/// The folder that programs work in.
pub const WORK: &str = "/work";
/// The same by the name under which programs look for it that were written for chat assistants.
const DATA: &str = "/mnt/data";
/// The folder for temporary files.
pub const TMP: &str = "/tmp";
/// Files and folders that each writable folder may hold.
const DISK_INODES: u32 = 16384;

/// Files that are the same in every run, in place of the machine's own.
const OWN: &[(&str, &str)] = &[
    ("/etc/passwd", "root:x:0:0::/:/usr/sbin/nologin\nlocus:x:1000:1000::/work:/bin/sh\n"),
    ("/etc/group", "root:x:0:\nlocus:x:1000:\n"),
    ("/etc/hosts", "127.0.0.1 localhost locus\n::1 localhost locus\n"),
];

/// One thing that comes from the machine.
#[derive(Debug)]
pub struct Source {
    at: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    /// A mount that stands nowhere yet.
    Mount { tree: OwnedFd, folder: bool },
    /// A link, with where it leads.
    Link(PathBuf),
}

/// Takes hold of all that the view names and the machine has. This is done while whoever runs Locus may still enter
/// the folders on the way, such as its own home.
pub fn sources(view: &View) -> io::Result<Vec<Source>> {
    let mut sources: Vec<Source> = Vec::new();
    for path in view.readable() {
        let own = ["/proc", LANGUAGES].iter().any(|name| path == Path::new(name))
            || OWN.iter().any(|(name, _)| path == Path::new(name));
        // By a folder, or by a link into a folder of the system.
        let covered = sources.iter().any(|source| path.starts_with(&source.at));
        if own || covered {
            continue;
        }
        let Ok(link) = fs::symlink_metadata(path) else { continue };
        if link.is_symlink()
            && let Some(target) = stays_inside(path)
        {
            sources.push(Source { at: path.to_owned(), what: What::Link(target) });
        } else if let Ok(target) = fs::metadata(path) {
            let tree = clone(path, Attributes::READ_ONLY)?;
            sources.push(Source { at: path.to_owned(), what: What::Mount { tree, folder: target.is_dir() } });
        }
    }
    for path in DEVICES.iter().chain(SOURCES) {
        let tree = clone(Path::new(path), Attributes::DEVICE)?;
        sources.push(Source { at: PathBuf::from(path), what: What::Mount { tree, folder: false } });
    }
    Ok(sources)
}

/// Where a link leads, if that is in a folder of the system, as with /bin.
fn stays_inside(link: &Path) -> Option<PathBuf> {
    let target = fs::read_link(link).ok()?;
    let real = fs::canonicalize(link).ok()?;
    let inside = |folder: &&str| real.starts_with(folder) && Path::new(folder) != link;
    SYSTEM.iter().any(inside).then_some(target)
}

/// Makes the root folder and moves this process into it. To be called as PID 1 of fresh namespaces.
pub fn build(sources: &[Source], writable: &[&str]) -> io::Result<()> {
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    // It hides the machine's /proc, which every machine has and which nobody needs any more.
    rustix::mount::mount(c"tmpfs", c"/proc", c"tmpfs", plain, c"mode=755,size=1m,nr_inodes=1024")?;
    rustix::process::chdir(c"/proc")?;
    for (path, text) in OWN.iter().chain(locus_languages::FILES) {
        fs::write(place(Path::new(path), false)?, text)?;
    }
    let options = format!("mode=755,size={DISK_BYTES},nr_inodes={DISK_INODES}");
    for path in writable.iter().copied().chain([SHARED_MEMORY]) {
        let at = place(Path::new(path), true)?;
        rustix::mount::mount(c"tmpfs", &at, c"tmpfs", plain, Some(&*std::ffi::CString::new(&*options)?))?;
    }
    for source in sources {
        match &source.what {
            What::Link(target) => {
                let at = place_of(&source.at)?;
                rustix::fs::symlink(target, at)?;
            }
            What::Mount { tree, folder } => {
                let at = place(&source.at, *folder)?;
                rustix::mount::move_mount(tree, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
            }
        }
    }
    rustix::fs::symlink(WORK, place_of(Path::new(DATA))?)?;
    // Where message queues can be found and removed; a program may make them without it. Not every kernel has them.
    let queues = place(Path::new(QUEUES), true)?;
    match rustix::mount::mount(c"mqueue", queues, c"mqueue", plain | MountFlags::NOEXEC, None) {
        Ok(()) | Err(Errno::NODEV) => {}
        Err(error) => return Err(error.into()),
    }
    let proc = place(Path::new("/proc"), true)?;
    rustix::mount::mount(c"proc", proc, c"proc", plain | MountFlags::NOEXEC, None)?;
    for (name, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        rustix::fs::symlink(target, Path::new("dev").join(name))?;
    }
    // The old root ends up on top of the new one, and is taken off.
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")?;
    let root = rustix::fs::open(c"/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    set_attributes(root.as_fd(), Attributes::READ_ONLY, 0)
}

/// Makes an empty file or folder for a mount below the working directory.
fn place(path: &Path, folder: bool) -> io::Result<PathBuf> {
    let at = place_of(path)?;
    if folder {
        fs::create_dir_all(&at)?;
    } else {
        fs::File::create(&at)?;
    }
    Ok(at)
}

/// Makes the folders above.
fn place_of(path: &Path) -> io::Result<PathBuf> {
    let at = path.strip_prefix("/").map_err(io::Error::other)?.to_owned();
    if let Some(parent) = at.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(at)
}

#[derive(Debug, Clone, Copy)]
struct Attributes(u64);

impl Attributes {
    // MOUNT_ATTR_RDONLY, _NOSUID, _NODEV and _NOEXEC of linux/mount.h.
    const READ_ONLY: Self = Self(0x1 | 0x2 | 0x4);
    const DEVICE: Self = Self(0x2 | 0x8);
}

/// A copy of the mount at a path, and of those below it, that stands nowhere.
fn clone(path: &Path, attributes: Attributes) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let tree = rustix::mount::open_tree(CWD, path, flags)?;
    set_attributes(tree.as_fd(), attributes, libc::AT_RECURSIVE)?;
    Ok(tree)
}

fn set_attributes(tree: BorrowedFd<'_>, attributes: Attributes, flags: i32) -> io::Result<()> {
    /// The `struct mount_attr` of `linux/mount.h`.
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let attr = MountAttr { set: attributes.0, clear: 0, propagation: libc::MS_PRIVATE, user_namespace: 0 };
    // SAFETY: the path is an empty string, and the struct outlives the call.
    #[allow(unsafe_code)]
    let failed = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    } != 0;
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}
