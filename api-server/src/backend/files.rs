//! Files that programs leave, the same for every backend.

use locus_core::OutputFile;

/// A file with its content, as clients are told of it.
#[must_use]
pub fn returned(name: String, bytes: Vec<u8>) -> OutputFile {
    let kind = media_type(&name);
    OutputFile::new(name, bytes, kind)
}

/// What kind of file one is by its name. What no name tells is bytes.
#[must_use]
pub fn media_type(name: &str) -> String {
    mime_guess::from_path(name).first_or_octet_stream().essence_str().to_owned()
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn the_name_tells_the_kind() {
        for (name, kind) in [
            ("plot.png", "image/png"),
            ("out/plot.SVG", "image/svg+xml"),
            ("table.csv", "text/csv"),
            ("page.html", "text/html"),
            ("data.json", "application/json"),
            ("notes", "application/octet-stream"),
            ("a.no-such-kind", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), kind, "{name}");
        }
    }
}
