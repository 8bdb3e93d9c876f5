//! Which languages this machine can run, and with which program: version managers' shims are seen through once,
//! by asking the program itself.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use locus_core::Program;
use locus_languages::Language;

/// The time that a program has to tell its version.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A language that this machine can run.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The language.
    pub language: &'static Language,
    /// The real path of its program.
    pub program: PathBuf,
    /// The version that the program tells.
    pub version: String,
}

impl Toolchain {
    /// How to run a program with it.
    #[must_use]
    pub fn program(&self) -> Program {
        let mut program = self.language.program();
        program.run[0] = self.program.display().to_string();
        program
    }
}

/// The languages that this machine can run, in the order of their ids.
#[must_use]
pub fn detect() -> Vec<Toolchain> {
    locus_languages::all().iter().filter_map(find).collect()
}

/// The program of one language, if this machine has it and it works.
#[must_use]
pub fn find(language: &'static Language) -> Option<Toolchain> {
    let (program, args) = language.probe.split_first()?;
    let mut child = Command::new(program)
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + PROBE_TIMEOUT;
    let status = loop {
        if let Some(status) = child.try_wait().ok()? {
            break status;
        }
        if Instant::now() > deadline {
            // A program that can't tell its version in time is not one to run code with.
            let _ = child.kill().and_then(|()| child.wait());
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let mut answer = String::new();
    child.stdout.take()?.read_to_string(&mut answer).ok()?;
    let mut lines = answer.lines();
    let (path, version) = (lines.next()?, lines.next()?);
    let program = PathBuf::from(path);
    (status.success() && program.is_absolute()).then(|| Toolchain { language, program, version: version.to_owned() })
}
