//! Embeds every `<id>/language.yaml`, so that adding a language touches its own folder only.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the package's folder");
    let mut files: Vec<_> = fs::read_dir(&root)
        .expect("the package's folder can be read")
        .filter_map(|entry| Some(entry.ok()?.path().join("language.yaml")))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    let mut list = String::from("[\n");
    for file in files {
        writeln!(list, "    include_str!({:?}),", file.display().to_string()).expect("a string takes any text");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo names the output folder");
    fs::write(Path::new(&out).join("documents.rs"), list).expect("the output folder can be written");
    println!("cargo::rerun-if-changed={root}");
}
