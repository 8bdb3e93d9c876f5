//! Embeds every `<folder>/language.yaml` and what stands in `<folder>/support/` and `<folder>/prestart/`, so that adding
//! a language touches its own folder only.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    let mut documents = String::from("[\n");
    let mut files = BTreeMap::new();
    for folder in entries(root.as_ref()) {
        let document = folder.join("language.yaml");
        let Ok(text) = fs::read_to_string(&document) else { continue };
        let id = text.lines().find_map(|line| line.strip_prefix("id: ")).expect("a language has an id").trim();
        let document = document.display().to_string();
        writeln!(documents, "    include_str!({document:?}),").expect("a string takes any text");
        for file in ["support", "prestart"].iter().flat_map(|name| entries(&folder.join(name))) {
            let path = format!("/locus/{id}/{}", file.file_name().expect("an entry has a name").display());
            // Versions of a language share a folder. The default one's comes first: its name is how the others begin.
            files.entry(path).or_insert(file);
        }
    }
    documents.push(']');
    let mut list = String::from("[\n");
    for (path, file) in files {
        let file = file.display().to_string();
        writeln!(list, "    ({path:?}, include_str!({file:?})),").expect("a string takes any text");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    for (name, list) in [("documents.rs", documents), ("files.rs", list)] {
        fs::write(Path::new(&out).join(name), list).expect("the output folder can be written");
    }
    println!("cargo::rerun-if-changed={root}");
}

/// What stands in a folder, if there is one, by name.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.into_iter()
}
