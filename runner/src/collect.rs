//! The files that a program has left and that were asked for.

use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use locus_core::FileLeft;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};

/// The most files of a run that are returned.
const FILES_MAX: usize = 32;
/// The most bytes that all of them hold together.
pub const BYTES_MAX: usize = 4 << 20;
/// The most entries of folders that are looked at, and how deep: a program may leave any number.
const ENTRIES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 32;

/// What was found.
#[derive(Debug, Default)]
pub struct Collected {
    /// Files with their content, in the order of their names.
    pub files: Vec<(String, Vec<u8>)>,
    /// Those that are not returned, and names that no file has.
    pub left: Vec<FileLeft>,
}

/// Reads the files below a folder whose names are among the wanted ones or match one of their globs. Nothing of the
/// program may be alive. No link is followed.
pub fn collect(folder: &Path, wanted: &[String]) -> Collected {
    let mut walk = Walk { wanted, found: Vec::new(), entries: 0, cut: false };
    let mut collected = Collected::default();
    let opened = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(io::Error::from);
    if let Err(error) = opened.and_then(|root| walk.enter(&root, "", 0)) {
        collected.leave(&folder.to_string_lossy(), format!("the work folder can't be read: {error}"));
    }
    walk.found.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut room = BYTES_MAX;
    for (name, file) in walk.found {
        if collected.files.len() == FILES_MAX {
            collected.leave(&name, format!("more than {FILES_MAX} files match"));
            break;
        }
        match read(file, room) {
            Ok(Some(data)) => {
                room -= data.len();
                collected.files.push((name, data));
            }
            Ok(None) => collected.leave(&name, format!("all files together would be larger than {} MiB", BYTES_MAX >> 20)),
            Err(error) => collected.leave(&name, format!("it can't be read: {error}")),
        }
    }
    if walk.cut {
        collected.leave("", format!("there are more than {ENTRIES_MAX} files, or folders deeper than {DEPTH_MAX}"));
    }
    let is_missing = |name: &&String| {
        !name.contains(['*', '?', '[', '{'])
            && !collected.files.iter().any(|(found, _)| found == *name)
            && !collected.left.iter().any(|left| left.name == **name)
    };
    let missing: Vec<_> = wanted.iter().filter(is_missing).cloned().collect();
    for name in missing {
        collected.leave(&name, "the program left no such file".into());
    }
    collected
}

impl Collected {
    fn leave(&mut self, name: &str, why: String) {
        self.left.push(FileLeft { name: name.to_owned(), why });
    }
}

struct Walk<'a> {
    wanted: &'a [String],
    found: Vec<(String, io::Result<OwnedFd>)>,
    entries: usize,
    cut: bool,
}

impl Walk<'_> {
    /// Looks through one folder; `name` is its own below the first one.
    fn enter(&mut self, folder: &OwnedFd, name: &str, depth: usize) -> io::Result<()> {
        if depth > DEPTH_MAX {
            self.cut = true;
            return Ok(());
        }
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            // A name that is no text can't be asked for.
            let Ok(own) = entry.file_name().to_str() else { continue };
            if own == "." || own == ".." {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.cut = true;
                return Ok(());
            }
            let path = if name.is_empty() { own.to_owned() } else { format!("{name}/{own}") };
            // Of one part, with no link followed: it can't lead out of the folder.
            let open = |flags| {
                let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                openat(folder, own, flags, Mode::empty()).map_err(io::Error::from)
            };
            match entry.file_type() {
                FileType::Directory => {
                    // One that can't be entered holds nothing that could be returned.
                    if let Ok(inner) = open(OFlags::DIRECTORY) {
                        self.enter(&inner, &path, depth + 1)?;
                    }
                }
                FileType::RegularFile if self.wanted.iter().any(|wanted| fast_glob::glob_match(wanted, &path)) => {
                    // Each is an open file until it is read.
                    if self.found.len() <= FILES_MAX {
                        self.found.push((path, open(OFlags::RDONLY)));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// All of a file; `None` where it is larger than `room`.
fn read(file: io::Result<OwnedFd>, room: usize) -> io::Result<Option<Vec<u8>>> {
    let file = file?;
    if fstat(&file)?.st_size > i64::try_from(room).unwrap_or(i64::MAX) {
        return Ok(None);
    }
    let mut data = Vec::new();
    std::fs::File::from(file).take(room as u64).read_to_end(&mut data)?;
    Ok(Some(data))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{BYTES_MAX, FILES_MAX, collect};

    fn names(wanted: &[&str], folder: &std::path::Path) -> (Vec<String>, Vec<String>) {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let collected = collect(folder, &wanted);
        (
            collected.files.into_iter().map(|(name, _)| name).collect(),
            collected.left.into_iter().map(|left| left.name).collect(),
        )
    }

    #[test]
    fn names_and_globs_find_files_in_order_and_what_is_missing_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("out/deep")).expect("folders");
        for name in ["b.png", "a.png", "out/c.png", "out/deep/d.csv", "main.py"] {
            fs::write(folder.path().join(name), name).expect("it is written");
        }
        assert_eq!(names(&["*.png"], folder.path()), (vec!["a.png".into(), "b.png".into()], vec![]));
        assert_eq!(names(&["**/*.png"], folder.path()).0, ["a.png", "b.png", "out/c.png"]);
        assert_eq!(names(&["out/**"], folder.path()).0, ["out/c.png", "out/deep/d.csv"]);
        assert_eq!(names(&["a.png", "no.png", "*.svg"], folder.path()), (vec!["a.png".into()], vec!["no.png".into()]));
        assert_eq!(collect(folder.path(), &["out/c.png".into()]).files[0].1, b"out/c.png");
    }

    #[test]
    fn links_pipes_and_folders_are_no_files() {
        let folder = tempfile::tempdir().expect("a folder");
        symlink("/etc/passwd", folder.path().join("link.txt")).expect("a link");
        symlink("/etc", folder.path().join("etc")).expect("a link");
        fs::create_dir(folder.path().join("folder.txt")).expect("a folder");
        let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.txt")).status();
        assert!(pipe.expect("mkfifo runs").success());
        assert_eq!(names(&["**/*.txt", "etc/*", "**"], folder.path()), (vec![], vec![]));
    }

    #[test]
    fn what_is_too_much_is_left_and_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("large"), vec![0; BYTES_MAX + 1]).expect("it is written");
        fs::write(folder.path().join("small"), "x").expect("it is written");
        assert_eq!(names(&["large", "small"], folder.path()), (vec!["small".into()], vec!["large".into()]));
        for number in 0..=FILES_MAX {
            fs::write(folder.path().join(format!("n{number:02}")), "").expect("it is written");
        }
        let (found, left) = names(&["n*"], folder.path());
        assert_eq!((found.len(), left.len()), (FILES_MAX, 1));
    }
}
