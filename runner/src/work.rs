//! The work folder of a run.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use locus_core::SourceFile;

/// Writes the program's files. Names were checked: they stay below the folder.
pub fn fill(folder: &Path, files: &[SourceFile]) -> io::Result<()> {
    for file in files {
        let path = folder.join(&file.name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let bytes = file.bytes().map_err(io::Error::other)?;
        OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?.write_all(&bytes)?;
    }
    Ok(())
}

/// Removes the folder, also where the program took rights away from what is in it.
pub fn remove(folder: &Path) {
    if fs::remove_dir_all(folder).is_ok() {
        return;
    }
    open_up(folder);
    if let Err(error) = fs::remove_dir_all(folder) {
        eprintln!("locus-runner: work folder {} is left behind: {error}", folder.display());
    }
}

/// Gives this user its rights back on every folder below; links are not followed.
fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}
