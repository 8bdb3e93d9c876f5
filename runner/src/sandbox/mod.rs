//! The sandbox of a program: which layers there are, and which of them hold where this runs.
//!
//! [`Isolation`] is what separates a run from its machine where there is no pod around it. The layers that each
//! process of a run gets in any place are made ready in `confines` and applied in `spawn`.

#[cfg(target_os = "linux")]
mod advice;
#[cfg(target_os = "linux")]
mod confines;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(target_os = "linux")]
mod view;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub(crate) use confines::{Confines, Setting};
#[cfg(target_os = "linux")]
pub(crate) use namespaces::{EnterError, drop_root, enter};
#[cfg(target_os = "linux")]
pub(crate) use root::{TMP, WORK};
#[cfg(target_os = "linux")]
pub(crate) use view::{SHARED_MEMORY, View};

/// What separates a run from the machine that it runs on, where there is no pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Namespaces and a root folder of its own.
    Namespaces,
    /// Landlock and seccomp alone.
    Landlock,
}

impl Isolation {
    /// Its name, as on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Landlock => "landlock",
        }
    }
}

/// Bytes that each writable folder of a run with no cluster may hold.
pub(crate) const DISK_BYTES: u64 = 64 << 20;

/// The layers of the sandbox, those in force and those that are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxReport {
    /// How runs are separated from the machine; `None` in a pod, which is separate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// One entry a layer.
    pub layers: Vec<Layer>,
    /// Set when the layers are too few for the programs of strangers: what is missing, and what would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weakness: Option<String>,
}

/// One layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Whether it holds here.
    pub in_force: bool,
    /// What it does, or why it is not in force.
    pub detail: String,
}

impl Layer {
    #[cfg(target_os = "linux")]
    fn new(name: &str, in_force: bool, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), in_force, detail: detail.into() }
    }
}

/// The report of a machine that can't run programs.
#[cfg(not(target_os = "linux"))]
pub(crate) fn unsupported() -> SandboxReport {
    let weakness = Some("runs need Linux, or a cluster: --backend cluster".to_owned());
    SandboxReport { isolation: None, layers: Vec::new(), weakness }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{report_of_host, report_of_pod};

#[cfg(target_os = "linux")]
mod linux {
    use super::{EnterError, Isolation, Layer, SandboxReport, advice, landlock, seccomp};

    /// The layers of runs in this pod.
    pub fn report_of_pod() -> SandboxReport {
        let mut layers = everywhere();
        layers.extend([
            Layer::new("namespaces", true, "those of the pod"),
            Layer::new(
                "root-folder",
                true,
                "the image, read-only; /work, /tmp and /dev/shm are memory with a size limit",
            ),
            memory_of_pod(),
            processes(!rustix::process::getuid().is_root()),
        ]);
        SandboxReport { isolation: None, layers, weakness: None }
    }

    /// The layers of runs on this machine. `entered` is how an attempt to enter namespaces ended.
    pub fn report_of_host(entered: Result<(), &EnterError>) -> SandboxReport {
        let mut layers = everywhere();
        let why = |error: &EnterError| format!("none: {error}");
        let namespaces = entered.is_ok();
        layers.extend([
            Layer::new(
                "namespaces",
                namespaces,
                entered.err().map_or_else(
                    || "user, mount, network, ipc, hostname, cgroup and process namespaces of the run's own".to_owned(),
                    why,
                ),
            ),
            Layer::new(
                "root-folder",
                namespaces,
                if namespaces {
                    "system folders and the language's own, read-only; private /work, /tmp, /dev, /proc; no home"
                } else {
                    "none: the machine's, with Landlock's rules"
                },
            ),
            Layer::new(
                "memory",
                true,
                "the memory of all processes together is watched, data rlimit behind it; memory without a process is refused",
            ),
            processes(namespaces),
        ]);
        // Landlock has no rule for Unix sockets with a path, for chmod or for what /proc tells of others: alone it does
        // not keep a program from the services of whoever runs it.
        let enough = namespaces && seccomp::architecture().is_some();
        SandboxReport {
            isolation: Some(if namespaces { Isolation::Namespaces } else { Isolation::Landlock }),
            layers,
            weakness: (!enough).then(|| {
                entered
                    .err()
                    .map_or_else(|| "this architecture has no seccomp filter".to_owned(), |error| advice::advice(error))
            }),
        }
    }

    /// What holds in any place.
    fn everywhere() -> Vec<Layer> {
        let version = landlock::version();
        let reach = match version {
            ..1 => "none: the kernel has no Landlock (5.13 and newer have, where it is switched on)".to_owned(),
            1..4 => format!("ABI {version}: files; signals and sockets from kernel 6.12 on"),
            4..landlock::SCOPES => {
                format!("ABI {version}: files and TCP; signals and abstract sockets from kernel 6.12 on")
            }
            _ => format!("ABI {version}: files, TCP, signals and abstract sockets"),
        };
        let filtered = seccomp::architecture().is_some();
        let clean_up = if std::process::id() == 1 {
            "PID 1 of its namespace: one signal reaches every process of the run"
        } else {
            "subreaper: every process of the run becomes a child of the runner before it can outlive it"
        };
        vec![
            Layer::new("no-new-privs", true, "setuid and file capabilities give a program nothing"),
            Layer::new("closed-file-descriptors", true, "a program gets stdin, stdout and stderr only"),
            Layer::new("clean-environment", true, "an allow-list, the language's variables and the request's"),
            Layer::new("own-session", true, "no controlling terminal; signal dispositions and mask are reset"),
            Layer::new("rlimits", true, "cpu time, file size, core dumps, open files and locked memory"),
            Layer::new(
                "seccomp",
                filtered,
                if filtered {
                    "refuses tracing, bpf, io_uring, keys, mounts, namespaces and more; no sockets but Unix ones without a network"
                } else {
                    "none: this architecture has no filter"
                },
            ),
            Layer::new("landlock", version > 0, reach),
            Layer::new("non-dumpable-runner", true, "a program can't read or trace the runner"),
            Layer::new("process-clean-up", true, clean_up),
        ]
    }

    fn memory_of_pod() -> Layer {
        let counted = crate::memory::CgroupFiles::of_container().is_some();
        let detail = if counted {
            "the container's memory cgroup is watched, and its limit stands behind it"
        } else {
            "the memory of all processes together is watched; the container's cgroup can't be read"
        };
        Layer::new("memory", true, detail)
    }

    fn processes(own_user: bool) -> Layer {
        let detail = if own_user {
            "processes and threads are counted for a user of the run's own"
        } else {
            "none: the user is shared with other processes"
        };
        Layer::new("process-limit", own_user, detail)
    }

    #[cfg(test)]
    mod tests {
        use super::super::EnterError;
        use super::{report_of_host, report_of_pod};

        #[test]
        fn the_report_names_what_is_missing_too() {
            let error = EnterError {
                step: "namespaces can't be made".into(),
                source: std::io::ErrorKind::PermissionDenied.into(),
            };
            let report = report_of_host(Err(&error));
            let layer = report.layers.iter().find(|layer| layer.name == "namespaces").expect("it is listed");
            assert!(!layer.in_force && layer.detail.contains("namespaces can't be made"), "{layer:?}");
            assert!(report.weakness.is_some_and(|weakness| weakness.contains("namespaces can't be made")));
            assert!(report_of_host(Ok(())).layers.iter().all(|layer| layer.name != "namespaces" || layer.in_force));
            assert_eq!(report_of_pod().weakness, None);
        }
    }
}
