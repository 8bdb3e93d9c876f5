//! The files that a program has left and that were asked for.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use locus_core::FileLeft;
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, openat, openat2};
use rustix::io::Errno;

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

/// Reads the files below a folder whose names are among the wanted ones or match one of their globs, in which `*` stands for
/// any part of a name and `**` for any folders. Nothing of the program may be alive. No link is followed.
pub fn collect(root: BorrowedFd<'_>, wanted: &[String]) -> Collected {
    let mut collected = Collected::default();
    if wanted.is_empty() {
        return collected;
    }
    // A program may have closed it, if it is its own.
    let _ = fchmod(root, Mode::RWXU);
    let (globs, names): (Vec<&String>, Vec<&String>) = wanted.iter().partition(|name| name.contains('*'));
    let globs = globs.into_iter().map(|glob| literal_but_stars(glob)).collect();
    let mut walk = Walk { globs, found: BTreeMap::new(), entries: 0, cut: false, more: false };
    for name in names {
        match open_named(root, name) {
            Ok(Some(file)) => walk.add(name.clone(), Ok(file)),
            Ok(None) => collected.leave(name, "the program left no such file".into()),
            Err(error) => collected.leave(name, format!("it can't be read: {error}")),
        }
    }
    if !walk.globs.is_empty()
        && let Err(error) = walk.enter(root, "", 0)
    {
        collected.leave(".", format!("the work folder can't be read: {error}"));
    }
    let mut left = BYTES_MAX;
    for (name, file) in walk.found {
        match read(file, left) {
            Ok(Some(data)) => {
                left -= data.len();
                collected.files.push((name, data));
            }
            Ok(None) => {
                collected.leave(&name, format!("all files together would be larger than {} MiB", BYTES_MAX >> 20));
            }
            Err(error) => collected.leave(&name, format!("it can't be read: {error}")),
        }
    }
    if walk.more {
        collected.leave(".", format!("more than {FILES_MAX} files match: these are the first ones"));
    }
    if walk.cut {
        collected.leave(".", format!("there are more than {ENTRIES_MAX} files, or folders deeper than {DEPTH_MAX}"));
    }
    collected
}

impl Collected {
    fn leave(&mut self, name: &str, why: String) {
        self.left.push(FileLeft { name: name.to_owned(), why });
    }
}

/// A glob in which nothing but stars has a meaning: alternatives in it could take for ever to try.
fn literal_but_stars(glob: &str) -> String {
    let mut text = String::with_capacity(glob.len());
    for character in glob.chars() {
        if "?[]{}!\\".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

const OPEN: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A file by its name; `None` if there is none, or something else than a file.
fn open_named(root: BorrowedFd<'_>, name: &str) -> io::Result<Option<OwnedFd>> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // What it is comes first: some things do something when they are opened.
    let seen = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = match openat2(root, name, seen, Mode::empty(), resolve) {
        Ok(path) => path,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if FileType::from_raw_mode(fstat(&path)?.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    Ok(Some(openat2(root, name, OFlags::RDONLY | OPEN, Mode::empty(), resolve)?))
}

struct Walk {
    globs: Vec<String>,
    /// Those that come first by their names; each is an open file until it is read.
    found: BTreeMap<String, io::Result<OwnedFd>>,
    entries: usize,
    cut: bool,
    more: bool,
}

impl Walk {
    fn add(&mut self, name: String, file: io::Result<OwnedFd>) {
        self.found.insert(name, file);
        if self.found.len() > FILES_MAX {
            self.found.pop_last();
            self.more = true;
        }
    }

    /// Looks through one folder; `name` is its own below the first one.
    fn enter(&mut self, folder: BorrowedFd<'_>, name: &str, depth: usize) -> io::Result<()> {
        if depth > DEPTH_MAX {
            self.cut = true;
            return Ok(());
        }
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.cut = true;
                return Ok(());
            }
            // A name that is no text can't be asked for.
            let Ok(own) = entry.file_name().to_str() else { continue };
            let path = if name.is_empty() { own.to_owned() } else { format!("{name}/{own}") };
            // Of one part, with no link followed: it can't lead out of the folder.
            let open = |flags| openat(folder, own, flags | OPEN, Mode::empty()).map_err(io::Error::from);
            match entry.file_type() {
                FileType::Directory => {
                    // One that can't be entered holds nothing that could be returned.
                    if let Ok(inner) = open(OFlags::RDONLY | OFlags::DIRECTORY) {
                        self.enter(inner.as_fd(), &path, depth + 1)?;
                    }
                }
                FileType::RegularFile if self.globs.iter().any(|glob| fast_glob::glob_match(glob, &path)) => {
                    self.add(path, open(OFlags::RDONLY));
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
    let size = usize::try_from(fstat(&file)?.st_size).unwrap_or(usize::MAX);
    if size > room {
        return Ok(None);
    }
    let mut data = Vec::with_capacity(size);
    std::fs::File::from(file).take(room as u64).read_to_end(&mut data)?;
    Ok(Some(data))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant};

    use super::{BYTES_MAX, Collected, ENTRIES_MAX, FILES_MAX};

    fn collect(folder: &std::path::Path, wanted: &[String]) -> Collected {
        let folder = crate::folder::Folder::open(folder).expect("it is there");
        super::collect(folder.fd(), wanted)
    }

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

    #[test]
    fn of_many_files_those_named_and_the_first_ones_are_returned() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..ENTRIES_MAX + 10 {
            fs::write(folder.path().join(format!("n{number}")), "").expect("it is written");
        }
        let last = format!("n{}", ENTRIES_MAX + 9);
        assert_eq!(names(&[&last], folder.path()), (vec![last], vec![]));
        let (found, left) = names(&["*"], folder.path());
        assert_eq!((found.len(), left), (FILES_MAX, vec![".".into(), ".".into()]));
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..100 {
            fs::write(folder.path().join(format!("n{number:03}")), "").expect("it is written");
        }
        let (found, _) = names(&["*"], folder.path());
        assert_eq!((found[0].as_str(), found[FILES_MAX - 1].as_str()), ("n000", "n031"));
    }

    #[test]
    fn a_name_means_itself_and_no_glob_takes_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a[1].txt", "a1.txt", "b{c,d}", "e!f?"] {
            fs::write(folder.path().join(name), "").expect("it is written");
        }
        assert_eq!(names(&["a[1].txt", "b{c,d}", "*!f?"], folder.path()).0, ["a[1].txt", "b{c,d}", "e!f?"]);
        assert_eq!(names(&["a[1]*"], folder.path()).0, ["a[1].txt"]);
        let long = "a/".repeat(30) + &"a".repeat(200);
        fs::create_dir_all(folder.path().join(&long).parent().expect("it has one")).expect("folders");
        fs::write(folder.path().join(&long), "").expect("it is written");
        let begin = Instant::now();
        for glob in ["*a".repeat(100) + "b", "**/".repeat(60) + "*b", "**/*a".repeat(40), "{a,a}".repeat(40) + "*b"] {
            names(&[&glob], folder.path());
        }
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[test]
    fn what_can_not_be_read_is_told_and_no_link_on_the_way_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("real")).expect("a folder");
        fs::write(folder.path().join("real/file"), "x").expect("it is written");
        symlink("real", folder.path().join("way")).expect("a link");
        symlink("../../../../../../etc", folder.path().join("out")).expect("a link");
        symlink("link", folder.path().join("link")).expect("a link");
        let wanted = ["way/file", "out/passwd", "link", "real", "real/file", "real/file/x"];
        let (found, left) = names(&wanted, folder.path());
        assert_eq!((found, left.len()), (vec!["real/file".into()], 5));
        assert_eq!(names(&["**/passwd", "way/*"], folder.path()), (vec![], vec![]));
        let sparse = fs::File::create(folder.path().join("sparse")).expect("it is made");
        sparse.set_len(1 << 40).expect("it is sparse");
        assert_eq!(names(&["sparse"], folder.path()), (vec![], vec!["sparse".into()]));
    }

    #[test]
    fn names_that_are_no_text_and_deep_folders_hold_nobody_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "
import os
open(b'\\xff\\xfe', 'w'); open('fine', 'w'); os.mkdir(b'\\xfe'); open(b'\\xfe/inner', 'w')
for _ in range(200): os.mkdir('d' * 50); os.chdir('d' * 50)
";
        let made = std::process::Command::new("python3").args(["-c", script]).current_dir(folder.path()).status();
        assert!(made.expect("the tests need python3").success());
        assert_eq!(names(&["**"], folder.path()), (vec!["fine".into()], vec![".".into()]));
        crate::folder::Folder::open(folder.path()).and_then(|folder| folder.empty()).expect("it is ours");
    }
}
