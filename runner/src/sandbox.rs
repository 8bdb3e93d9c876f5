//! Which layers keep a program in its place, told as they are and not as they should be.

use serde::Serialize;

/// The layers of the sandbox, those in force and those that are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SandboxReport {
    /// One entry a layer.
    pub layers: Vec<Layer>,
}

/// One layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Its name.
    pub name: &'static str,
    /// Whether it holds on this machine, in this version.
    pub in_force: bool,
    /// What it does, or why it is not in force.
    pub detail: &'static str,
}

/// What holds for a run that this process, or a process that it starts, would execute.
#[must_use]
pub fn report() -> SandboxReport {
    let linux = cfg!(target_os = "linux");
    let holds = |name, detail| Layer { name, in_force: linux, detail };
    let absent = |name, detail| Layer { name, in_force: false, detail };
    let clean_up = if std::process::id() == 1 {
        "PID 1 of its namespace: one signal reaches every process of the run"
    } else {
        "subreaper: every process of the run becomes a child of the runner before it can outlive it"
    };
    SandboxReport {
        layers: vec![
            holds("no-new-privs", "setuid and file capabilities give a program nothing"),
            holds("closed-file-descriptors", "a program gets stdin, stdout and stderr only"),
            holds("clean-environment", "an allow-list, the language's variables and the request's"),
            holds("own-session", "no controlling terminal; signal dispositions and mask are reset"),
            holds(
                "rlimits",
                "cpu time, file size, core dumps and open files; threads where the uid is the run's own; data as a backstop where there is no pod",
            ),
            holds("memory-watch", "the run is ended when its processes together pass its memory limit"),
            holds("non-dumpable-runner", "a program can't read or trace the runner"),
            holds("process-clean-up", clean_up),
            absent("seccomp", "this version adds no filter; a pod has that of its runtime"),
            absent("landlock", "this version restricts no path; a pod has its read-only root"),
            absent("namespaces", "this version makes none; a pod has its own"),
            absent("cgroup-limits", "this version sets none; a pod has its container's"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::report;

    #[test]
    fn the_report_names_what_is_missing_too() {
        let json = serde_json::to_value(report()).expect("a report serializes");
        let layers = json["layers"].as_array().expect("a list");
        let in_force = |name: &str| layers.iter().find(|layer| layer["name"] == name).map(|layer| &layer["inForce"]);
        assert_eq!(in_force("seccomp"), Some(&false.into()));
        assert_eq!(in_force("no-new-privs"), Some(&cfg!(target_os = "linux").into()));
    }
}
