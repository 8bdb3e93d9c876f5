//! The shape of the workspace: who may depend on whom, and who may start processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The crates of the workspace that each crate may depend on.
const EDGES: [(&str, &[&str]); 9] = [
    ("locus-core", &[]),
    ("locus-languages", &["locus-core"]),
    ("locus-runner", &["locus-core", "locus-languages"]),
    ("locus-api", &["locus-core", "locus-languages"]),
    ("locus-operator", &["locus-core", "locus-languages", "locus-api"]),
    ("locus-api-server", &["locus-core", "locus-languages", "locus-api", "locus-runner"]),
    ("locus-cli", &["locus-core", "locus-languages", "locus-runner", "locus-api-server"]),
    ("locus-contract", &[]),
    ("locus-e2e", &["locus-core", "locus-languages", "locus-api"]),
];

/// Crates that a crate must not depend on, however far away.
const FORBIDDEN: [(&str, &[&str]); 3] =
    [("locus-core", &["tokio", "kube"]), ("locus-languages", &["tokio", "kube"]), ("locus-runner", &["kube"])];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        // What other platforms need may never have been downloaded.
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", "host-tuple"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo answers in JSON")
}

#[test]
fn crates_depend_only_on_those_that_they_may() {
    let metadata = metadata();
    let mut dependencies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let normal = package["dependencies"].as_array().expect("dependencies").iter();
        let normal = normal.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let names = normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect();
        dependencies.insert(package["name"].as_str().expect("a name").to_owned(), names);
    }
    let known: Vec<&String> = dependencies.keys().filter(|name| name.starts_with("locus-")).collect();
    assert_eq!(known.len(), EDGES.len(), "a crate of {known:?} has no entry in this test");
    for (name, allowed) in EDGES {
        for dependency in dependencies[name].iter().filter(|name| name.starts_with("locus-")) {
            assert!(allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
    for (name, forbidden) in FORBIDDEN {
        for dependency in &dependencies[name] {
            assert!(!forbidden.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn only_the_runner_starts_processes_and_only_the_cluster_backend_knows_kube() {
    for folder in ["core/src", "languages/src", "api/src", "operator/src", "api-server/src", "cli/src"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("source is text");
            for word in ["process::Command", "fork(", "exec("] {
                assert!(!text.contains(word), "{} must not use {word}", file.display());
            }
            let is_of_the_cluster = ["core/src", "languages/src", "api/src", "operator/src"].contains(&folder);
            let may_use_kube = is_of_the_cluster || file.to_string_lossy().contains("backend/cluster");
            assert!(may_use_kube || !text.contains("kube::"), "{} must not use kube", file.display());
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .flatten()
        .flat_map(|entry| if entry.path().is_dir() { rust_files(&entry.path()) } else { vec![entry.path()] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
