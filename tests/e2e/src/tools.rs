//! The command-line tools that users have: some promises are about what these say.
#![allow(clippy::must_use_candidate, reason = "what a command prints is often of no interest")]

use std::io::Write as _;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::cluster::{RELEASE_NAMESPACE, context, kind_cluster};

/// What `kubectl` prints; it must succeed.
pub fn kubectl(arguments: &[&str]) -> String {
    try_kubectl(arguments).unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
}

/// What `kubectl` prints, or what it complains of.
///
/// # Errors
/// Its standard error when it ends with a status other than 0.
pub fn try_kubectl(arguments: &[&str]) -> Result<String, String> {
    told(Command::new("kubectl").args(["--context", &context()]).args(arguments))
}

/// What `helm` prints in the namespace of the release; it must succeed.
pub fn helm(arguments: &[&str]) -> String {
    try_helm(arguments).unwrap_or_else(|error| panic!("helm {}: {error}", arguments.join(" ")))
}

/// What `helm` prints in the namespace of the release, or what it complains of.
///
/// # Errors
/// Its standard error when it ends with a status other than 0.
pub fn try_helm(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("helm");
    told(command.args(["--kube-context", &context(), "--namespace", RELEASE_NAMESPACE]).args(arguments))
}

/// Builds an image from the text of a Dockerfile, with no files beside it, and puts it on the cluster under test.
pub fn build_image(name: &str, dockerfile: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).expect("the file can be written");
    let built = told(Command::new("docker").args(["build", "--quiet", "--tag", name]).arg(folder.path()));
    built.unwrap_or_else(|error| panic!("image {name} can't be built: {error}"));
    let loaded = told(Command::new("kind").args(["load", "docker-image", "--name", &kind_cluster(), name]));
    loaded.unwrap_or_else(|error| panic!("image {name} can't be loaded on the cluster: {error}"));
}

/// Waits until a Deployment of the release is as it should be.
pub fn rolled_out(deployment: &str) {
    let name = format!("deployment/{deployment}");
    kubectl(&["rollout", "status", &name, "--namespace", RELEASE_NAMESPACE, "--timeout=240s"]);
}

/// Runs `kubectl apply` on an object with further arguments.
///
/// # Errors
/// What kubectl complains of.
pub fn apply(object: &Value, arguments: &[&str]) -> Result<String, String> {
    let mut file = NamedTempFile::with_suffix(".json").expect("a temporary file can be made");
    serde_json::to_writer(&mut file, object).expect("the file can be written");
    file.flush().expect("the file can be written");
    let path = file.path().to_str().expect("the path is text");
    try_kubectl(&[&["apply", "--filename", path], arguments].concat())
}

/// Undoes a change to the cluster at the end of a test, however that ends.
pub struct Undo<F: FnMut()>(F);

impl<F: FnMut()> Undo<F> {
    /// Calls `undo` once this value is dropped. `undo` must not panic.
    pub const fn new(undo: F) -> Self {
        Self(undo)
    }
}

impl<F: FnMut()> Drop for Undo<F> {
    fn drop(&mut self) {
        self.0();
    }
}

fn told(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if status.success() { Ok(text(stdout)) } else { Err(text(stderr)) }
}
