//! `additional_files`: files in a zip.

use std::io::{Cursor, Read as _, Write as _};

use locus_core::request::{FILES_MAX, SOURCE_BYTES_MAX};
use locus_core::{Encoding, SourceFile, view};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// The most entries that are looked at, folders too.
const ENTRIES_MAX: usize = 256;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    /// It is none, or one that is broken or packed in a way that is not read here.
    #[error("is not a zip archive that can be read: {0}")]
    Unreadable(#[from] ZipError),
    /// More files than a run has.
    #[error("holds too many files (maximum is {most})", most = FILES_MAX - 1)]
    TooMany,
    /// They are larger than a run may be.
    #[error("is too large (maximum is {SOURCE_BYTES_MAX} bytes, unpacked)")]
    TooLarge,
    /// A file that would stand outside of the work folder.
    #[error("holds {0:?}, which is no path below the work folder")]
    Outside(String),
    /// A link.
    #[error("holds {0:?}, which is a link and no file")]
    Link(String),
    /// A file that only a password opens.
    #[error("holds {0:?}, which is encrypted")]
    Encrypted(String),
}

/// The files of an archive. Sizes are what is unpacked, whatever the archive says of itself.
///
/// # Errors
/// What is wrong with it.
pub fn unpack(archive: &[u8]) -> Result<Vec<SourceFile>, BadArchive> {
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    if archive.len() > ENTRIES_MAX {
        return Err(BadArchive::TooMany);
    }
    let (mut files, mut room) = (Vec::new(), SOURCE_BYTES_MAX);
    for index in 0..archive.len() {
        let raw = archive.by_index_raw(index)?;
        let (name, is_folder, is_link, is_encrypted) =
            (raw.name()?.into_owned(), raw.is_dir(), raw.is_symlink(), raw.encrypted());
        drop(raw);
        if is_folder {
            continue;
        }
        if is_encrypted {
            return Err(BadArchive::Encrypted(name));
        }
        if is_link {
            return Err(BadArchive::Link(name));
        }
        let Some(name) = below(&name) else { return Err(BadArchive::Outside(name)) };
        if files.len() == FILES_MAX - 1 {
            return Err(BadArchive::TooMany);
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(room).unwrap_or(u64::MAX);
        archive.by_index(index)?.take(most + 1).read_to_end(&mut bytes).map_err(ZipError::from)?;
        room = room.checked_sub(bytes.len()).ok_or(BadArchive::TooLarge)?;
        let (content, encoding) = Encoding::of(bytes);
        files.push(SourceFile { name, content, encoding });
    }
    Ok(files)
}

/// Files as an archive: the same ones as in that which was sent, if not the same bytes.
pub fn pack(files: &[SourceFile]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        let base64 = (file.encoding == Encoding::Base64).then_some(file.content.as_str());
        let bytes = view::bytes(Some(&file.content), base64).unwrap_or_default();
        let begun = archive.start_file(file.name.as_str(), SimpleFileOptions::default());
        // Nothing fails in memory, and no archive of such files is too large for the format.
        if begun.and_then(|()| archive.write_all(&bytes).map_err(ZipError::from)).is_err() {
            break;
        }
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// A name as that of a file below the work folder: without `.` parts, as archives of whole folders have them.
fn below(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('/').filter(|part| *part != ".").collect();
    let is_part = |part: &&str| !part.is_empty() && *part != ".." && !part.contains(['\\', '\0']);
    (!parts.is_empty() && parts.iter().all(is_part)).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use locus_core::{Encoding, SourceFile};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::{BadArchive, pack, unpack};

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            archive.start_file(*name, SimpleFileOptions::default()).expect("a file");
            archive.write_all(bytes).expect("it is written");
        }
        archive.finish().expect("an archive").into_inner()
    }

    #[test]
    fn what_is_packed_is_unpacked_the_same() {
        let file =
            |name: &str, content: &str, encoding| SourceFile { name: name.into(), content: content.into(), encoding };
        let files = vec![file("a.py", "X = 1\n", Encoding::Utf8), file("data/b.bin", "/wA=", Encoding::Base64)];
        assert_eq!(unpack(&pack(&files)).expect("an archive"), files);
    }

    #[test]
    fn folders_are_left_out_and_dots_are_no_part_of_a_name() {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        archive.add_directory("lib/", SimpleFileOptions::default()).expect("a folder");
        archive.start_file("./lib/a.py", SimpleFileOptions::default()).expect("a file");
        let files = unpack(&archive.finish().expect("an archive").into_inner()).expect("it is unpacked");
        assert_eq!(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["lib/a.py"]);
    }

    #[test]
    fn an_archive_that_leads_out_or_grows_too_large_is_refused() {
        for name in ["../a", "/etc/passwd", "a/../../b", "a\\..\\b"] {
            assert!(
                matches!(unpack(&zip(&[(name, b"x")])), Err(BadArchive::Outside(found)) if found == name),
                "{name}"
            );
        }
        let bomb = zip(&[("a", &vec![0; 400 << 10]), ("b", &vec![0; 400 << 10])]);
        assert!(bomb.len() < 10_000 && matches!(unpack(&bomb), Err(BadArchive::TooLarge)));
        let names: Vec<String> = (0..32).map(|number| format!("f{number}")).collect();
        let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        assert!(matches!(unpack(&zip(&many)), Err(BadArchive::TooMany)));
        assert_eq!(unpack(&zip(&many[..31])).expect("as many as there may be").len(), 31);
        let mut link = ZipWriter::new(Cursor::new(Vec::new()));
        link.add_symlink("l", "/etc/passwd", SimpleFileOptions::default()).expect("a link");
        assert!(matches!(unpack(&link.finish().expect("an archive").into_inner()), Err(BadArchive::Link(_))));
        for broken in [&b""[..], b"PK", b"no archive at all"] {
            assert!(matches!(unpack(broken), Err(BadArchive::Unreadable(_))));
        }
    }
}
