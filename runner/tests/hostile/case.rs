//! Programs that attack the sandbox, as files: `<group>/<name>.<py|c|sh>`. Each begins with comment lines of keys and
//! values that say what it tries and how its run must end; `README.md` beside this file explains them.

use std::collections::BTreeMap;
use std::path::Path;

use locus_core::{Limits, Outcome, Seconds};

/// One hostile program.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder and the file.
    pub name: String,
    /// `py`, `c` or `sh`.
    pub language: String,
    /// Its text.
    pub source: String,
    keys: BTreeMap<String, String>,
}

/// Where a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A process of this machine.
    Embedded,
    /// A pod.
    Pod,
}

/// Keys that a case may have.
const KEYS: [&str; 15] = [
    "attack",
    "expect",
    "expect-counted",
    "stdout",
    "stdout-counted",
    "signal",
    "exit",
    "limits",
    "stdin",
    "args",
    "env",
    "compileArgs",
    "cases",
    "places",
    "note",
];

/// Every case below a folder, in the order of their names.
pub fn all(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in std::fs::read_dir(folder).expect("the folder of the cases").map(|entry| entry.expect("a group").path())
    {
        if !group.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&group).expect("a group").map(|entry| entry.expect("a case").path()) {
            cases.push(Case::read(&file));
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

impl Case {
    fn read(file: &Path) -> Self {
        let text = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).expect("a name").to_owned();
        let group = text(file.parent().and_then(Path::file_name));
        let name = format!("{group}/{}", text(file.file_name()));
        let source = std::fs::read_to_string(file).expect("a case is text");
        let mut keys = BTreeMap::new();
        for line in source.lines() {
            let comment = line.strip_prefix("# ").or_else(|| line.strip_prefix("// "));
            let Some((key, value)) = comment.and_then(|line| line.split_once(": ")) else { break };
            assert!(KEYS.contains(&key), "{name} has an unknown key {key:?}");
            assert!(keys.insert(key.to_owned(), value.to_owned()).is_none(), "{name} has {key:?} twice");
        }
        assert!(keys.contains_key("attack") && keys.contains_key("expect"), "{name} does not say what it is");
        Self { name, language: text(file.extension()), source, keys }
    }

    fn key(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    fn json<T: serde::de::DeserializeOwned + Default>(&self, key: &str) -> T {
        let Some(value) = self.key(key) else { return T::default() };
        serde_json::from_str(value).unwrap_or_else(|error| panic!("{}: {key} can't be read: {error}", self.name))
    }

    /// Whether it makes sense in a place.
    pub fn runs_in(&self, place: Place) -> bool {
        let name = if place == Place::Pod { "pod" } else { "embedded" };
        self.key("places").unwrap_or("embedded pod").split(' ').any(|place| place == name)
    }

    /// How it must end. `counted` is whether a cgroup counts memory, as in any pod: elsewhere, memory that belongs to
    /// no process is refused.
    pub fn outcome(&self, counted: bool) -> Outcome {
        let other = self.key("expect-counted").filter(|_| counted);
        let name = other.or(self.key("expect")).expect("it was checked");
        serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("{}: no outcome is called {name}", self.name))
    }

    /// What it must have written to stdout, where that is certain.
    pub fn stdout(&self, counted: bool) -> Option<String> {
        let other = self.key("stdout-counted").filter(|_| counted).map(|_| self.json("stdout-counted"));
        let any = || self.key("stdout").map(|_| self.json("stdout"));
        other.or_else(any).or_else(|| (self.outcome(counted) == Outcome::Completed).then(|| "held\n".to_owned()))
    }

    /// The signal that must have ended it.
    pub fn signal(&self) -> Option<&str> {
        self.key("signal")
    }

    /// The status that it must have exited with.
    pub fn exit(&self) -> Option<i32> {
        self.key("exit").map(|status| status.parse().expect("a number"))
    }

    pub fn stdin(&self) -> String {
        self.json("stdin")
    }

    /// What the program reads in each of its cases, where it is run for some.
    pub fn cases(&self) -> Vec<String> {
        self.json("cases")
    }

    pub fn args(&self) -> Vec<String> {
        self.json("args")
    }

    pub fn env(&self) -> BTreeMap<String, String> {
        self.json("env")
    }

    pub fn compile_args(&self) -> Vec<String> {
        self.json("compileArgs")
    }

    /// The limits that it runs under.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits {
            timeout_seconds: Seconds::whole(10),
            cpu_seconds: Seconds::whole(10),
            memory_bytes: 128 << 20,
            output_bytes: 64 << 10,
            processes: 32,
            file_bytes: 16 << 20,
        };
        for (name, value) in
            self.key("limits").into_iter().flat_map(str::split_whitespace).filter_map(|pair| pair.split_once('='))
        {
            let value: u64 = value.parse().unwrap_or_else(|_| panic!("{}: {value} is no number", self.name));
            let small = || u32::try_from(value).expect("a small number");
            match name {
                "timeoutSeconds" => limits.timeout_seconds = Seconds::whole(small()),
                "cpuSeconds" => limits.cpu_seconds = Seconds::whole(small()),
                "memoryBytes" => limits.memory_bytes = value,
                "outputBytes" => limits.output_bytes = value,
                "processes" => limits.processes = small(),
                "fileBytes" => limits.file_bytes = value,
                _ => panic!("{}: no limit is called {name}", self.name),
            }
        }
        limits
    }
}
