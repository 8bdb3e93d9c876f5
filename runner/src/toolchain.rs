//! Which languages this machine can run.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use locus_core::Program;
use locus_languages::Language;

/// The time that a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// A language that this machine can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toolchain {
    /// The language.
    pub language: &'static Language,
    /// The real path of its program, seen through the shims of version managers.
    pub program: PathBuf,
    /// The version that is installed, which need not be the language's own.
    pub version: String,
    /// Where it is installed, for languages that the system does not bring.
    pub folders: Vec<PathBuf>,
}

/// Every language whose program is on `PATH`. The languages are probed at the same time.
#[must_use]
pub fn detect() -> Vec<Toolchain> {
    thread::scope(|scope| {
        let probes: Vec<_> =
            locus_languages::all().iter().map(|language| scope.spawn(|| Toolchain::probe(language))).collect();
        probes.into_iter().filter_map(|probe| probe.join().ok().flatten()).collect()
    })
}

impl Toolchain {
    /// Asks a language's program where it is and which version it has.
    #[must_use]
    pub fn probe(language: &'static Language) -> Option<Self> {
        let output = output_of(&language.probe)?;
        let mut lines = output.lines().map(str::trim);
        let program = PathBuf::from(lines.next()?);
        let version = lines.next()?.to_owned();
        let folders: Option<Vec<_>> =
            lines.map(PathBuf::from).map(|folder| is_harmless(&folder).then_some(folder)).collect();
        let Some(folders) = folders else {
            tracing::warn!(
                language = language.id,
                ?program,
                "left out: programs would have to read the whole home folder"
            );
            return None;
        };
        (program.is_absolute() && program.exists()).then_some(Self { language, program, version, folders })
    }

    /// How the language runs here: the first item of `run` is the real path of the program.
    #[must_use]
    pub fn program(&self) -> Program {
        let mut program = self.language.program();
        program.run[0] = self.program.to_string_lossy().into_owned();
        // By the name it goes by, and by that of where it really is.
        let real = self.folders.iter().filter_map(|folder| folder.canonicalize().ok());
        for folder in self.folders.iter().cloned().chain(real) {
            let folder = folder.to_string_lossy().into_owned();
            if !program.readable.contains(&folder) {
                program.readable.push(folder);
            }
        }
        program
    }
}

/// Whether programs may read a folder: it is neither the home of whoever runs this nor a folder above that, nor the
/// one in it where other programs keep what is secret.
fn is_harmless(folder: &Path) -> bool {
    let home = std::env::home_dir().unwrap_or_default();
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let homes = [home.join(".local"), real(&home).join(".local")];
    folder.is_absolute() && !homes.iter().any(|home| home.starts_with(folder) || home.starts_with(real(folder)))
}

/// The stdout of a command that succeeds in time.
fn output_of(command: &[String]) -> Option<String> {
    let (program, args) = command.split_first()?;
    let mut command = Command::new(program);
    // Not where this process was started: an interpreter may take what it finds there for its own libraries.
    command.args(args).current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + PROBE_TIMEOUT;
    let mut stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // A thread of its own, since a child of the probe could hold the pipe open for ever.
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.read_to_string(&mut text).map(|_| text);
        let _ = sender.send(read);
    });
    let text = receiver.recv_timeout(PROBE_TIMEOUT).ok().and_then(Result::ok);
    let succeeded = ends_well(&mut child, deadline);
    text.filter(|_| succeeded)
}

fn ends_well(child: &mut Child, deadline: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Toolchain, detect, output_of};

    fn argv(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn python_is_found_behind_its_shim() {
        let found = detect();
        let python = found.iter().find(|found| found.language.id == "python").expect("the tests need python3");
        assert!(python.version.starts_with("3."), "{}", python.version);
        assert!(!python.program.to_string_lossy().contains("shims"), "{:?}", python.program);
        assert_eq!(python.program().run[0], python.program.to_string_lossy());
        assert_eq!(python.program().run[1], "{main}");
        assert_eq!(Toolchain::probe(python.language).as_ref(), Some(python));
    }

    #[test]
    fn a_probe_that_fails_hangs_or_does_not_exist_finds_nothing() {
        assert_eq!(output_of(&argv(&["sh", "-c", "echo hi"])).as_deref(), Some("hi\n"));
        assert_eq!(output_of(&argv(&["sh", "-c", "echo hi; exit 1"])), None);
        assert_eq!(output_of(&argv(&["locus-no-such-program"])), None);
        assert_eq!(output_of(&argv(&["sleep", "60"])), None);
    }
}
