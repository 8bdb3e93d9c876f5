//! Folders that programs may have filled as they like: emptied, kept and put back. Each is held by a descriptor from
//! before the first program on, and whatever stands in it is reached from there without following a link. Nothing of a
//! program may be alive.

use std::ffi::{CStr, CString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use locus_core::cases::KEPT_BYTES_MAX;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, chmodat, fchmod, fstat,
    futimens, mkdirat, openat, readlinkat, renameat_with, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

/// What an entry counts for beside its bytes.
const ENTRY_BYTES: u64 = 256;
/// How deep it may be.
const DEPTH_MAX: usize = 64;

/// A folder that a program may write to.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    /// Its own mode and times, before a program could change them.
    stat: Stat,
}

/// What stood in a folder. It lives in the runner's memory, where no program reaches it.
#[derive(Debug)]
pub struct Kept {
    /// Each folder stands before what is in it.
    entries: Vec<Entry>,
    room: u64,
}

#[derive(Debug)]
struct Entry {
    /// From the folder that was kept.
    path: CString,
    stat: Stat,
    what: What,
}

#[derive(Debug)]
enum What {
    Folder,
    File(Vec<u8>),
    Link(CString),
}

/// Why a folder can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It holds too much.
    #[error("it holds more than {} MiB, or folders deeper than {DEPTH_MAX}", KEPT_BYTES_MAX >> 20)]
    TooMuch,
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

impl From<Errno> for KeepError {
    fn from(error: Errno) -> Self {
        Self::Read(error.into())
    }
}

impl Folder {
    /// Takes hold of a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat })
    }

    /// What it is reached by.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Removes all that stands in it, folders that can't be entered and such as are nested deeper than any path may be
    /// long. Each folder is therefore moved up and emptied there.
    pub fn empty(&self) -> io::Result<()> {
        let root = self.fd();
        // One that belongs to somebody else was not changed either.
        let _ = fchmod(root, Mode::RWXU);
        let mut pending = Vec::new();
        for name in names(root)? {
            if is_folder_left(root, &name)? {
                pending.push(name);
            }
        }
        let mut number = 0_u64;
        while let Some(name) = pending.pop() {
            chmodat(root, &name, Mode::RWXU, AtFlags::empty())?;
            let folder = enter(root, &name)?;
            for below in names(folder.as_fd())? {
                if !is_folder_left(folder.as_fd(), &below)? {
                    continue;
                }
                // A folder can be moved only by who may write to it.
                chmodat(&folder, &below, Mode::RWXU, AtFlags::empty())?;
                let moved = loop {
                    let moved = CString::new(format!(".removed-{number}"))?;
                    number += 1;
                    match renameat_with(&folder, &below, root, &moved, RenameFlags::NOREPLACE) {
                        Ok(()) => break moved,
                        // It stands there by the program's choice, and its turn comes too.
                        Err(Errno::EXIST) => {}
                        Err(error) => return Err(error.into()),
                    }
                };
                pending.push(moved);
            }
            unlinkat(root, &name, AtFlags::REMOVEDIR)?;
        }
        self.put_back_own();
        Ok(())
    }

    /// Keeps what stands in it. What is neither file nor folder nor link is removed from it.
    ///
    /// # Errors
    /// When that is too much, or can't be read.
    pub fn keep(&self) -> Result<Kept, KeepError> {
        let mut kept = Kept { entries: Vec::new(), room: KEPT_BYTES_MAX };
        kept.add(self.fd(), &[], 0)?;
        Ok(kept)
    }

    /// Puts back what was kept of it, once it is empty.
    pub fn put(&self, kept: &Kept) -> io::Result<()> {
        let root = self.fd();
        for Entry { path, stat, what } in &kept.entries {
            match what {
                What::Folder => mkdirat(root, path, Mode::RWXU)?,
                What::File(content) => {
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let mut file = std::fs::File::from(openat(root, path, flags, Mode::RUSR | Mode::WUSR)?);
                    file.write_all(content)?;
                    fchmod(&file, Mode::from_raw_mode(stat.st_mode))?;
                    futimens(&file, &times(stat))?;
                }
                What::Link(target) => {
                    symlinkat(target, root, path)?;
                    utimensat(root, path, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?;
                }
            }
        }
        // Whatever is put into a folder changes its times.
        for Entry { path, stat, .. } in kept.entries.iter().rev().filter(|entry| matches!(entry.what, What::Folder)) {
            chmodat(root, path, Mode::from_raw_mode(stat.st_mode), AtFlags::empty())?;
            utimensat(root, path, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        self.put_back_own();
        Ok(())
    }

    /// The folder's own mode and times: a program could leave a word there.
    fn put_back_own(&self) {
        // Of one that belongs to somebody else a program could change nothing but what it is told when it does.
        let _ = fchmod(&self.fd, Mode::from_raw_mode(self.stat.st_mode));
        let _ = futimens(&self.fd, &times(&self.stat));
    }
}

impl Kept {
    fn add(&mut self, folder: BorrowedFd<'_>, path: &[u8], depth: usize) -> Result<(), KeepError> {
        if depth > DEPTH_MAX {
            return Err(KeepError::TooMuch);
        }
        for name in names(folder)? {
            let below = if path.is_empty() { name.to_bytes().to_vec() } else { [path, b"/", name.to_bytes()].concat() };
            self.count(ENTRY_BYTES + below.len() as u64)?;
            let stat = statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            let path = CString::new(below).map_err(io::Error::from)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let inner = enter(folder, &name).or_else(|_| {
                        chmodat(folder, &name, Mode::RWXU, AtFlags::empty())?;
                        enter(folder, &name)
                    })?;
                    let below = path.to_bytes().to_vec();
                    self.entries.push(Entry { path, stat, what: What::Folder });
                    self.add(inner.as_fd(), &below, depth + 1)?;
                }
                FileType::RegularFile => {
                    let content = self.read(folder, &name)?;
                    self.entries.push(Entry { path, stat, what: What::File(content) });
                }
                FileType::Symlink => {
                    let target = readlinkat(folder, &name, Vec::new())?;
                    self.count(target.to_bytes().len() as u64)?;
                    self.entries.push(Entry { path, stat, what: What::Link(target) });
                }
                _ => unlinkat(folder, &name, AtFlags::empty())?,
            }
        }
        Ok(())
    }

    fn read(&mut self, folder: BorrowedFd<'_>, name: &CStr) -> Result<Vec<u8>, KeepError> {
        let open = || openat(folder, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let file = open().or_else(|_| {
            chmodat(folder, name, Mode::RUSR, AtFlags::empty())?;
            open()
        })?;
        let size = u64::try_from(fstat(&file)?.st_size).unwrap_or(u64::MAX);
        self.count(size)?;
        let mut content = Vec::with_capacity(usize::try_from(size).map_err(|_| KeepError::TooMuch)?);
        std::fs::File::from(file).take(size).read_to_end(&mut content)?;
        Ok(content)
    }

    fn count(&mut self, bytes: u64) -> Result<(), KeepError> {
        self.room = self.room.checked_sub(bytes).ok_or(KeepError::TooMuch)?;
        Ok(())
    }
}

/// The names in a folder.
fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let entries = Dir::read_from(folder)?.map(|entry| entry.map(|entry| entry.file_name().to_owned()));
    let is_inside = |name: &CString| name.to_bytes() != b"." && name.to_bytes() != b"..";
    entries.filter(|name| name.as_ref().map_or(true, is_inside)).map(|name| name.map_err(io::Error::from)).collect()
}

/// Removes an entry unless it is a folder; whether it is one.
fn is_folder_left(folder: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) => Ok(false),
        Err(Errno::ISDIR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn enter(folder: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    openat(folder, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn times(stat: &Stat) -> Timestamps {
    // The width of these fields differs among architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_possible_wrap)]
    let time = |seconds, nanos| Timespec { tv_sec: seconds as i64, tv_nsec: nanos as _ };
    Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::process::Command;

    use super::{Folder, KEPT_BYTES_MAX, KeepError};

    /// All that is told of what stands in a folder, in the order of names.
    fn listing(folder: &Path) -> Vec<String> {
        let mut lines = vec![format!("{:?}", fs::metadata(folder).expect("it is there").modified())];
        let mut pending = vec![folder.to_owned()];
        while let Some(next) = pending.pop() {
            for entry in fs::read_dir(next).expect("a folder") {
                let path = entry.expect("an entry").path();
                let stat = fs::symlink_metadata(&path).expect("it is there");
                let content = match stat.file_type() {
                    kind if kind.is_symlink() => format!("{:?}", fs::read_link(&path)),
                    kind if !kind.is_file() => String::new(),
                    _ => format!("{:?}", fs::read(&path).expect("it is read")),
                };
                lines.push(format!("{path:?} {:o} {}.{} {content}", stat.mode(), stat.mtime(), stat.mtime_nsec()));
                if stat.is_dir() {
                    pending.push(path);
                }
            }
        }
        lines[1..].sort();
        lines
    }

    fn python(script: &str, folder: &Path) {
        let status = Command::new("python3").args(["-c", script]).current_dir(folder).status();
        assert!(status.expect("the tests need python3").success());
    }

    #[test]
    fn what_was_kept_is_put_back_whatever_was_done_to_it() {
        let temporary = tempfile::tempdir().expect("a folder");
        let at = temporary.path();
        fs::create_dir_all(at.join("a/b")).expect("folders");
        fs::write(at.join("a/b/file"), "content").expect("it is written");
        fs::write(at.join("main"), [0, 0xff]).expect("it is written");
        fs::set_permissions(at.join("main"), Permissions::from_mode(0o751)).expect("it is ours");
        fs::set_permissions(at.join("a/b"), Permissions::from_mode(0o711)).expect("it is ours");
        symlink("/etc/passwd", at.join("a/link")).expect("a link");
        symlink("nowhere", at.join("dangling")).expect("a link");
        assert!(Command::new("mkfifo").arg(at.join("pipe")).status().expect("mkfifo runs").success());
        let folder = Folder::open(at).expect("it is there");
        let kept = folder.keep().expect("it is small");
        assert!(!at.join("pipe").exists(), "what can't be put back is not there the first time either");
        let change = "
import os, socket
os.unlink('main'); os.symlink('/etc', 'main')
open('a/b/file', 'w').write('other'); open('a/new', 'w'); open('.removed-0', 'w'); os.makedirs('.removed-1/x/y')
os.unlink('a/link'); os.makedirs('a/link/deep')
socket.socket(socket.AF_UNIX).bind('socket'); os.mkfifo('fifo'); os.chmod('a/b', 0); os.utime('.', (1, 1))
os.chmod('.', 0o500)
";
        let empty = |lines: Vec<String>| lines[1..].is_empty();
        folder.empty().expect("it is ours");
        assert!(empty(listing(at)));
        folder.put(&kept).expect("it fits");
        let first = listing(at);
        for _ in 0..3 {
            python(change, at);
            assert_ne!(listing(at), first);
            folder.empty().expect("it is ours");
            assert!(empty(listing(at)));
            folder.put(&kept).expect("it fits");
            assert_eq!(listing(at), first);
        }
        assert!(fs::metadata("/etc/passwd").is_ok());
    }

    #[test]
    fn a_folder_nested_deeper_than_a_path_can_name_is_emptied_and_not_kept() {
        let temporary = tempfile::tempdir().expect("a folder");
        python("import os\nfor _ in range(200):\n os.mkdir('d' * 50); os.chdir('d' * 50)", temporary.path());
        let folder = Folder::open(temporary.path()).expect("it is there");
        assert!(matches!(folder.keep(), Err(KeepError::TooMuch)));
        folder.empty().expect("it is ours");
        assert_eq!(fs::read_dir(temporary.path()).expect("it is there").count(), 0);
    }

    #[test]
    fn a_file_that_is_large_without_holding_anything_is_too_much() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(temporary.path()).expect("it is there");
        let file = fs::File::create(temporary.path().join("sparse")).expect("it is made");
        file.set_len(KEPT_BYTES_MAX + 1).expect("it is sparse");
        assert!(matches!(folder.keep(), Err(KeepError::TooMuch)));
    }
}
