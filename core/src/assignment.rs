//! What a runner is sent, and what it says of itself.

use serde::{Deserialize, Serialize};

use crate::{CaseInput, EnvVar, Limits, RunResult, Seconds, SourceFile};

/// A run made ready for a runner: everything looked up, checked and clamped. It is the body of
/// `PUT /v1/runs/{uid}` and the input of an embedded runner process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The UID of the run.
    pub uid: String,
    /// How the language compiles and runs a program.
    pub program: Program,
    /// The program's files; the first one is the main one.
    pub files: Vec<SourceFile>,
    /// What the program reads on standard input.
    pub stdin: String,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Environment variables of the program, over those of the language.
    pub env: Vec<EnvVar>,
    /// Further arguments of the compiler.
    pub compile_args: Vec<String>,
    /// The limits in force.
    pub limits: Limits,
    /// Those of the compile step, where the language compiles. A program that asks for little must still compile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_limits: Option<Limits>,
    /// What the program may reach.
    #[serde(default)]
    pub network: Network,
    /// Whether the program's standard error is its standard output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stderr_to_stdout: bool,
    /// Whether more standard input may come while the program runs.
    #[serde(default)]
    pub interactive: bool,
    /// Names and globs of files to return.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_files: Vec<String>,
    /// What the program is run with, one after the other, in place of `stdin` and `args`; each time within all of the
    /// limits, in a folder that holds what there was after the compile step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseInput>,
}

impl Assignment {
    /// Limits that have room for all steps: the time of all, one after the other, and the memory of the largest one.
    #[must_use]
    pub fn bounds(&self) -> Limits {
        let runs = u32::try_from(self.cases.len()).unwrap_or(u32::MAX).max(1);
        let compile =
            self.compile_limits.unwrap_or(Limits { timeout_seconds: Seconds::ZERO, memory_bytes: 0, ..self.limits });
        Limits {
            timeout_seconds: self.limits.timeout_seconds.saturating_mul(runs).saturating_add(compile.timeout_seconds),
            memory_bytes: self.limits.memory_bytes.max(compile.memory_bytes),
            ..self.limits
        }
    }
}

/// What a program may reach over the network. It is the setting of whoever runs Locus, not of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Nothing: there are no sockets but Unix ones.
    #[default]
    None,
    /// Itself, over the loopback interface.
    Loopback,
    /// Whatever the machine or the pod can reach.
    Egress,
}

impl Network {
    /// Its name, as in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Loopback => "loopback",
            Self::Egress => "egress",
        }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::None, Self::Loopback, Self::Egress];
        all.into_iter()
            .find(|network| network.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a network mode: choose none, loopback or egress"))
    }
}

/// How a language compiles and runs a program. In each argv, the item `{main}` stands for the name
/// of the main file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// The language's id.
    pub language: String,
    /// The compiler's argv, where the language compiles; `compileArgs` are added at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile: Option<Vec<String>>,
    /// The program's argv; `args` are added at its end.
    pub run: Vec<String>,
    /// Folders in which programs named without `/` are looked up before those of the system, in both argvs and by the
    /// program itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// Environment variables that the language needs. In a value, `{heap}` stands for three quarters of the memory limit,
    /// in MiB.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Files and folders that the language needs beside those of the system. A program may read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readable: Vec<String>,
    /// How the program is started before its code is known, where the language has a way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prestart: Option<Prestart>,
}

/// How `run` is started before the run is known: it is the very command, held by a hook inside its own start-up until it
/// is told its arguments and its environment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prestart {
    /// The main file that it will open.
    pub main: String,
    /// Environment variables that make it load the hook. The program does not find them.
    pub env: Vec<EnvVar>,
    /// Names of variables that it reads before the hook; `*` at the end stands for any rest. A run that sets one is
    /// started plainly.
    #[serde(default)]
    pub fixed_env: Vec<String>,
}

impl Prestart {
    /// Whether a variable is read too early to be set by a run.
    #[must_use]
    pub fn fixes(&self, variable: &str) -> bool {
        self.fixed_env.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => variable.starts_with(prefix),
            None => variable == name,
        })
    }
}

/// What a runner is to hold ready before it has its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standby {
    /// The language of the run.
    pub program: Program,
    /// The largest limits that a run there may have.
    pub limits: Limits,
    /// What the run may reach.
    #[serde(default)]
    pub network: Network,
}

/// Who the runner's pod is: the answer of `GET /v1/pod`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodInfo {
    /// The UID of the pod.
    pub pod_uid: String,
    /// The UID of the run that the runner has accepted, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_uid: Option<String>,
    /// Whether an interpreter waits ready for the run.
    #[serde(default)]
    pub prestarted: bool,
    /// Whether it takes no run any more.
    #[serde(default)]
    pub retired: bool,
}

/// Where a run stands: the answer of `PUT` and `GET /v1/runs/{uid}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunState {
    /// The UID of the run.
    pub uid: String,
    /// The result, once the run has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RunResult>,
}

#[cfg(test)]
mod tests {
    use crate::CaseInput;

    use super::{Assignment, Network, Prestart, Program};
    use crate::{Limits, Seconds};

    #[test]
    fn bounds_have_room_for_the_compiler_and_the_program() {
        let program = Program {
            language: String::new(),
            compile: None,
            run: Vec::new(),
            path: Vec::new(),
            env: Vec::new(),
            readable: Vec::new(),
            prestart: None,
        };
        let limits = Limits { timeout_seconds: Seconds::from_millis(2500), memory_bytes: 1 << 20, ..Limits::DEFAULT };
        let mut assignment = Assignment {
            uid: String::new(),
            program,
            files: Vec::new(),
            stdin: String::new(),
            args: Vec::new(),
            env: Vec::new(),
            compile_args: Vec::new(),
            limits,
            compile_limits: None,
            network: Network::None,
            stderr_to_stdout: false,
            interactive: false,
            output_files: Vec::new(),
            cases: Vec::new(),
        };
        assert_eq!(assignment.bounds(), limits);
        assignment.compile_limits =
            Some(Limits { timeout_seconds: Seconds::whole(30), memory_bytes: 1 << 28, ..Limits::DEFAULT });
        assert_eq!(
            assignment.bounds(),
            Limits { timeout_seconds: Seconds::from_millis(32_500), memory_bytes: 1 << 28, ..limits }
        );
        assignment.cases = vec![CaseInput::default(); 3];
        assert_eq!(assignment.bounds().timeout_seconds, Seconds::from_millis(37_500));
    }

    #[test]
    fn a_variable_is_fixed_by_its_name_or_by_how_it_begins() {
        let fixed_env = vec!["HOME".to_owned(), "LC_*".to_owned()];
        let prestart = Prestart { main: "main.py".into(), env: Vec::new(), fixed_env };
        for (name, fixed) in [("HOME", true), ("HOMES", false), ("LC_ALL", true), ("LC_", true), ("LC", false)] {
            assert_eq!(prestart.fixes(name), fixed, "{name}");
        }
    }

    #[test]
    fn a_network_mode_is_read_by_its_name_and_a_wrong_one_is_told_the_right_ones() {
        for network in [Network::None, Network::Loopback, Network::Egress] {
            assert_eq!(network.as_str().parse(), Ok(network));
            assert_eq!(serde_json::to_value(network).expect("it serializes"), network.as_str());
        }
        assert!("Host".parse::<Network>().expect_err("no such mode").contains("none, loopback or egress"));
    }
}
