//! Embeds every `<id>/language.yaml` and what stands in `<id>/prestart/`, so that adding a language touches its own
//! folder only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    let languages: Vec<_> = entries(root.as_ref()).filter(|folder| folder.join("language.yaml").is_file()).collect();
    let mut documents = String::from("[\n");
    let mut hooks = String::from("[\n");
    for folder in languages {
        let id = folder.file_name().expect("an entry has a name").display().to_string();
        let document = folder.join("language.yaml").display().to_string();
        writeln!(documents, "    include_str!({document:?}),").expect("a string takes any text");
        for file in entries(&folder.join("prestart")) {
            let path = format!("/locus/{id}/{}", file.file_name().expect("an entry has a name").display());
            let file = file.display().to_string();
            writeln!(hooks, "    ({path:?}, include_str!({file:?})),").expect("a string takes any text");
        }
    }
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    for (name, mut list) in [("documents.rs", documents), ("hooks.rs", hooks)] {
        list.push(']');
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
