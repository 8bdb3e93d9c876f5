//! The folder that a program works in.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::folder::Folder;

/// A fresh folder, and one for temporary files where the machine has none to give.
#[derive(Debug)]
pub struct WorkDir {
    work: PathBuf,
    folder: Folder,
    tmp: Option<PathBuf>,
    /// What is removed at the end.
    owned: Option<PathBuf>,
}

impl WorkDir {
    /// A folder that exists and is left alone afterwards: a pod's own.
    pub fn given(folder: &Path) -> io::Result<Self> {
        Ok(Self { work: folder.to_owned(), folder: Folder::open(folder)?, tmp: None, owned: None })
    }

    /// A new folder that nobody else can enter, removed when this value is dropped.
    pub fn temporary() -> io::Result<Self> {
        let root =
            tempfile::Builder::new().prefix("locus-").permissions(Permissions::from_mode(0o700)).tempdir()?.keep();
        let (work, tmp) = (root.join("work"), root.join("tmp"));
        let made = [&work, &tmp].into_iter().try_for_each(|folder| DirBuilder::new().mode(0o700).create(folder));
        let folder = made.and_then(|()| Folder::open(&work)).inspect_err(|_| drop(fs::remove_dir_all(&root)))?;
        Ok(Self { work, folder, tmp: Some(tmp), owned: Some(root) })
    }

    /// The working directory.
    pub fn path(&self) -> &Path {
        &self.work
    }

    /// The same, held since it was fresh.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Where temporary files go, if not to /tmp.
    pub fn tmp(&self) -> Option<&Path> {
        self.tmp.as_deref()
    }

    /// Writes a file. The name was checked to stay inside.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.work.join(name);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?.write_all(content)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Some(root) = &self.owned
            && let Err(error) = remove(root)
        {
            tracing::warn!(folder = %root.display(), %error, "work folder can't be removed");
        }
    }
}

/// Removes a folder that a program, by now dead, could fill as it liked: with folders that can't be
/// entered, and nested deeper than any path may be long. Each folder is therefore moved up and emptied there.
fn remove(root: &Path) -> io::Result<()> {
    let mut moved = 0u64;
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            } else if folder == root && entry.file_name().as_encoded_bytes().starts_with(b".removed-") {
                // Moved there already.
            } else {
                // A folder can be moved only by who may write to it.
                fs::set_permissions(entry.path(), Permissions::from_mode(0o700))?;
                let to = root.join(format!(".removed-{moved}"));
                moved += 1;
                fs::rename(entry.path(), &to)?;
                pending.push(to);
            }
        }
        if folder != root {
            fs::remove_dir(&folder)?;
        }
    }
    fs::remove_dir(root)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::WorkDir;

    #[test]
    fn files_stand_in_their_folders_and_nothing_is_left_afterwards() {
        let dir = WorkDir::temporary().expect("a folder");
        let root = dir.path().parent().expect("it has a parent").to_owned();
        assert_eq!(fs::metadata(&root).expect("it exists").permissions().mode() & 0o777, 0o700);
        dir.write("a/b/c.py", b"1").expect("it is written");
        assert_eq!(fs::read(dir.path().join("a/b/c.py")).expect("it is there"), b"1");
        assert!(dir.write("a/b/c.py", b"2").is_err(), "a file is written once");
        fs::set_permissions(dir.path().join("a/b"), Permissions::from_mode(0o000)).expect("it is ours");
        std::os::unix::fs::symlink("/etc", dir.path().join("link")).expect("a link");
        drop(dir);
        assert!(!root.exists());
        assert!(fs::metadata("/etc").is_ok());
    }

    #[test]
    fn a_folder_nested_deeper_than_a_path_can_name_is_removed() {
        let dir = WorkDir::temporary().expect("a folder");
        let root = dir.path().parent().expect("it has a parent").to_owned();
        let script = "import os\nfor _ in range(3000):\n os.mkdir('d' * 50); os.chdir('d' * 50)";
        let nested = std::process::Command::new("python3").args(["-c", script]).current_dir(dir.path()).status();
        assert!(nested.expect("the tests need python3").success());
        drop(dir);
        assert!(!root.exists());
    }
}
