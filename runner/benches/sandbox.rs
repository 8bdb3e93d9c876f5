//! What the sandbox adds to a program's time, beside bubblewrap with the same namespaces and a bare fork and exec. The
//! three take turns; each figure is of the time from the start to the end as the one who started it sees it.
//!
//! `cargo bench -p locus-runner --bench sandbox` needs gcc and bwrap; with `--target <arch>-unknown-linux-musl` it is the
//! static runner of the images that is timed.

#[cfg(target_os = "linux")]
fn main() {
    bench::run();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("NOT RUN: the sandbox needs Linux");
}

#[cfg(target_os = "linux")]
mod bench {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use locus_core::{Assignment, Event, Limits, Network, Outcome, Program};

    const ROUNDS: usize = 400;

    pub fn run() {
        let folder = tempfile::Builder::new().prefix("locus-bench-").tempdir_in("/var/tmp").expect("a folder");
        let noop = folder.path().join("noop");
        std::fs::write(folder.path().join("noop.c"), "int main(void) { return 0; }").expect("it is written");
        let gcc =
            Command::new("gcc").args(["-static", "-O2", "-o"]).arg(&noop).arg(folder.path().join("noop.c")).status();
        assert!(gcc.expect("the benchmark needs gcc").success());
        let json = serde_json::to_vec(&assignment(&noop)).expect("an assignment serializes");
        let mut times = [(); 4].map(|()| Vec::with_capacity(ROUNDS));
        for round in 0..ROUNDS + 20 {
            // What one leaves to be cleaned up falls on the next, so that each follows each of the others.
            let (bare, bubblewrap) = (|| timed(|| bare(&noop)), || timed(|| bubblewrap(&noop)));
            let each = if round % 2 == 0 {
                let (first, second, (result, gone)) = (bare(), bubblewrap(), locus(&json));
                [first, second, result, gone]
            } else {
                let ((result, gone), second, first) = (locus(&json), bubblewrap(), bare());
                [first, second, result, gone]
            };
            // The first rounds fill caches.
            if round >= 20 {
                times.iter_mut().zip(each).for_each(|(times, time)| times.push(time));
            }
        }
        for times in &mut times {
            times.sort_unstable();
        }
        let [bare, bubblewrap, locus, gone] = &times;
        println!("{ROUNDS} rounds, milliseconds      p50      p99");
        for (name, times) in
            [("fork and exec", bare), ("bubblewrap", bubblewrap), ("locus, result", locus), ("locus, all gone", gone)]
        {
            println!("{name:<24}  {:>8.2} {:>8.2}", at(times, 50), at(times, 99));
        }
        let added = |times: &[Duration], percent| at(times, percent) - at(bare, percent);
        for percent in [50, 99] {
            let ratio = added(locus, percent) / added(bubblewrap, percent);
            println!("added by locus / added by bubblewrap, p{percent}: {ratio:.2}");
        }
    }

    fn timed(work: impl FnOnce()) -> Duration {
        let begin = Instant::now();
        work();
        begin.elapsed()
    }

    /// A percentile in milliseconds.
    fn at(sorted: &[Duration], percent: usize) -> f64 {
        sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1000.0
    }

    fn assignment(noop: &Path) -> Assignment {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Assignment {
            uid: "bench".into(),
            program: Program {
                language: "none".into(),
                compile: None,
                run: vec![text(noop)],
                env: Vec::new(),
                readable: vec![text(noop.parent().expect("it has a folder"))],
            },
            files: vec![locus_core::SourceFile {
                name: "main".into(),
                content: String::new(),
                encoding: locus_core::Encoding::Utf8,
            }],
            stdin: String::new(),
            args: Vec::new(),
            env: Vec::new(),
            compile_args: Vec::new(),
            limits: Limits::DEFAULT,
            compile_limits: None,
            network: Network::None,
        }
    }

    fn bare(noop: &Path) {
        let status = Command::new(noop).stdin(Stdio::null()).stdout(Stdio::piped()).status();
        assert!(status.expect("it starts").success());
    }

    fn bubblewrap(noop: &Path) {
        let folder = noop.parent().expect("it has a folder");
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--new-session", "--die-with-parent", "--proc", "/proc", "--dev", "/dev"]);
        for path in ["/usr", "/opt", "/etc/ssl", "/etc/alternatives", "/etc/ld.so.cache"] {
            command.args(["--ro-bind-try", path, path]);
        }
        for path in ["/bin", "/sbin", "/lib", "/lib64"] {
            command.args(["--symlink", &format!("usr{path}"), path]);
        }
        command.args(["--tmpfs", "/tmp", "--tmpfs", "/work", "--tmpfs", "/dev/shm", "--chdir", "/work", "--ro-bind"]);
        let status = command.arg(folder).arg(folder).arg(noop).stdin(Stdio::null()).stdout(Stdio::piped()).status();
        assert!(status.expect("the benchmark needs bwrap").success());
    }

    /// The time until the result is there, when no process of the program is left, and until the runner is gone as well.
    fn locus(json: &[u8]) -> (Duration, Duration) {
        let begin = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_locus-runner"));
        command.args(["exec", "namespaces"]).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        child.stdin.take().expect("a pipe").write_all(json).expect("it reads");
        let mut events = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let result = events.find_map(|line| match serde_json::from_str(&line.expect("text")).expect("an event") {
            Event::Finished { result } => Some(result),
            _ => None,
        });
        let told = begin.elapsed();
        let result = result.expect("a result");
        assert_eq!(result.outcome, Outcome::Completed, "{}", result.error);
        assert!(child.wait().expect("it is ours").success());
        (told, begin.elapsed())
    }
}
