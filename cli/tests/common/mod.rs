//! What the tests share: the real command, run in a folder of its own.
#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A folder with files, where the command is run.
pub struct Folder(TempDir);

impl Folder {
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, content).expect("it is written");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The command with arguments, which are split at blanks.
    pub fn locus(&self, arguments: &str) -> Command {
        let mut command = locus();
        command.args(arguments.split_ascii_whitespace()).current_dir(self.path());
        command
    }
}

/// The command, with nothing of this process' settings.
pub fn locus() -> Command {
    named(env!("CARGO_BIN_EXE_locus"))
}

/// The command as kubectl finds it.
pub fn plugin() -> Command {
    named(env!("CARGO_BIN_EXE_kubectl-locus"))
}

fn named(binary: &str) -> Command {
    let mut command = Command::new(PathBuf::from(binary));
    for name in
        ["LOCUS_SERVER", "LOCUS_API_KEY", "KUBECONFIG", "NO_COLOR", "CLICOLOR_FORCE", "http_proxy", "HTTP_PROXY"]
    {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What a command wrote and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ended {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text")
    }
}

/// The longest that a command takes in a test.
const BOUND: Duration = Duration::from_secs(120);

pub fn end(command: &mut Command) -> Ended {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    let _guard = Guard::over(&child);
    ended(child.wait_with_output().expect("it ends"))
}

pub fn end_with_input(command: &mut Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let _guard = Guard::over(&child);
    child.stdin.take().expect("a pipe").write_all(input).expect("it is read");
    ended(child.wait_with_output().expect("it ends"))
}

fn ended(output: Output) -> Ended {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or_else(|| panic!("{}: {stderr}", output.status));
    Ended { code, stdout: output.stdout, stderr }
}

/// Kills a command that has not ended in time, so that its test fails and does not hang.
struct Guard {
    _over: Sender<()>,
}

impl Guard {
    fn over(child: &Child) -> Self {
        let (over, told) = channel::<()>();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if told.recv_timeout(BOUND) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", "KILL", &id]).status();
            }
        });
        Self { _over: over }
    }
}

/// A command that goes on; it is killed when it is dropped.
pub struct Going {
    pub child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    _guard: Guard,
}

impl Going {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let guard = Guard::over(&child);
        Self { child, stdout, _guard: guard }
    }

    /// The next line that it writes.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("text");
        line
    }

    /// All that it writes from here on.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        rest
    }

    pub fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("it is open");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("it is read");
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    pub fn goes_on(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// The exit code, in time.
    pub fn code(&mut self) -> i32 {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.goes_on() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child.wait().expect("it has ended").code().expect("no signal ended it")
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether programs can be run on this machine. CI's can.
pub fn can_run() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let folder = Folder::with(&[("a.py", "")]);
        let ended = end(&mut folder.locus("run a.py"));
        let can = !ended.stderr.contains("--allow-weak-sandbox");
        if !can {
            assert!(std::env::var_os("CI").is_none(), "CI has a sandbox: {}", ended.stderr);
            eprintln!("NOT RUN: programs can't be run here: {}", ended.stderr);
        }
        can
    })
}
