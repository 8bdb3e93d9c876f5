//! Which layers stand between a program and the machine, as data.

use serde::Serialize;

/// The layers that are in force here, and those that are not.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxReport {
    /// Every layer that Locus knows.
    pub layers: Vec<Layer>,
}

/// One layer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// Whether it is in force.
    pub in_force: bool,
    /// What it does, or why it is not in force.
    pub detail: &'static str,
}

/// The layers of this version on this system.
#[must_use]
pub fn report() -> SandboxReport {
    let linux = cfg!(target_os = "linux");
    let layer = |name, in_force, detail| Layer { name, in_force, detail };
    SandboxReport {
        layers: vec![
            layer("noNewPrivileges", linux, "set-user-id programs gain nothing"),
            layer("closedDescriptors", linux, "a program has its three streams and no other open file"),
            layer("cleanEnvironment", linux, "a program sees variables of an allow-list and its own only"),
            layer("ownSession", linux, "a program can't signal the runner's group or use its terminal"),
            layer("resourceLimits", linux, "cpu time, file size, core dumps, open files, memory of each process"),
            layer("processCleanUp", linux, "nothing that a program started is alive after its result"),
            layer("privateRunner", linux, "the runner's memory and descriptors can't be read by a program"),
            layer("seccomp", false, "not in this version"),
            layer("landlock", false, "not in this version: a program reads what the runner's user can read"),
            layer("namespaces", false, "not in this version outside of pods"),
        ],
    }
}
