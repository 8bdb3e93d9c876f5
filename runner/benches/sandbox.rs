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
    /// More than a runner needs to get ready.
    const READY: Duration = Duration::from_millis(20);

    pub fn run() {
        let folder = tempfile::Builder::new().prefix("locus-bench-").tempdir_in("/var/tmp").expect("a folder");
        let noop = folder.path().join("noop");
        std::fs::write(folder.path().join("noop.c"), "int main(void) { return 0; }").expect("it is written");
        let gcc =
            Command::new("gcc").args(["-static", "-O2", "-o"]).arg(&noop).arg(folder.path().join("noop.c")).status();
        assert!(gcc.expect("the benchmark needs gcc").success());
        let assignment = assignment(&noop);
        let json = serde_json::to_vec(&assignment).expect("an assignment serializes");
        let known = serde_json::json!({ "network": "none", "readable": assignment.program.readable });
        let args = ["exec".to_owned(), "namespaces".to_owned(), known.to_string()];
        let mut times = [(); 4].map(|()| Vec::with_capacity(ROUNDS));
        for round in 0..ROUNDS + 20 {
            // What one leaves to be cleaned up falls on the next, so that each follows each of the others.
            let (bare, bubblewrap) = (|| timed(|| bare(&noop)), || timed(|| bubblewrap(&noop)));
            let (new, ready) = (|| locus(&args, &json, Duration::ZERO), || locus(&args, &json, READY));
            let each = if round % 2 == 0 {
                [bare(), bubblewrap(), new(), ready()]
            } else {
                let (ready, new, bubblewrap, bare) = (ready(), new(), bubblewrap(), bare());
                [bare, bubblewrap, new, ready]
            };
            // The first rounds fill caches.
            if round >= 20 {
                times.iter_mut().zip(each).for_each(|(times, time)| times.push(time));
            }
        }
        for times in &mut times {
            times.sort_unstable();
        }
        let [bare, bubblewrap, new, ready] = &times;
        println!("{ROUNDS} rounds, milliseconds      p50      p99");
        for (name, times) in
            [("fork and exec", bare), ("bubblewrap", bubblewrap), ("locus", new), ("locus, held ready", ready)]
        {
            println!("{name:<24}  {:>8.2} {:>8.2}", at(times, 50), at(times, 99));
        }
        let added = |times: &[Duration], percent| at(times, percent) - at(bare, percent);
        for (name, times) in [("locus", new), ("locus, held ready", ready)] {
            for percent in [50, 99] {
                let ratio = added(times, percent) / added(bubblewrap, percent);
                println!("added by {name} / added by bubblewrap, p{percent}: {ratio:.2}");
            }
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
                path: Vec::new(),
                env: Vec::new(),
                readable: vec![text(noop.parent().expect("it has a folder"))],
                prestart: None,
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
            stderr_to_stdout: false,
            interactive: false,
            output_files: Vec::new(),
            cases: Vec::new(),
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

    /// The time until the result is there, which is when no process of the program is left: from the runner's start or,
    /// when it is let wait as a server does with a spare one, from the moment that it is given its run.
    fn locus(args: &[String], json: &[u8], wait: Duration) -> Duration {
        let mut begin = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_locus-runner"));
        command.args(args).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        if !wait.is_zero() {
            std::thread::sleep(wait);
            begin = Instant::now();
        }
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
        told
    }
}
