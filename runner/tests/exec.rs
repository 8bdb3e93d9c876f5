//! Real programs under `locus-runner exec`, the well-behaved and the others.
#![cfg(target_os = "linux")]

mod common;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{
    RUNNER, exec, exec_args, file, finish, is_alive, marker, python, start, start_in, system_python, variable,
    with_limits,
};
use locus_core::{
    Assignment, CaseInput, CaseTranscript, Event, Limits, Network, Outcome, RunResult, Seconds, Transcript,
};
use locus_runner::sandbox::Isolation;

fn terminate(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
}

#[test]
fn a_program_reads_stdin_to_its_end() {
    let code = "import sys; data = sys.stdin.read(); print(len(data), data[-3:])";
    let run = exec(&Assignment { stdin: "x".repeat(300_000) + "end", ..python(code) }).completed();
    assert_eq!(run.out(), "300003 end\n");
    assert_eq!(exec(&python("import sys; print(repr(sys.stdin.read()))")).completed().out(), "''\n");
}

#[test]
fn a_program_that_leaves_its_stdin_unread_completes() {
    let run = exec(&Assignment { stdin: "x".repeat(300_000), ..python("import os; os.close(0); print('done')") });
    assert_eq!(run.completed().out(), "done\n");
}

#[test]
fn arguments_and_files_arrive_as_they_are() {
    let mut assignment = python("import sys, sub.lib; print(sys.argv[1:]); print(open('data/x').read())");
    assignment.args = vec!["a b".into(), "$HOME".into(), "{main}".into(), String::new()];
    assignment.files.extend([file("sub/lib.py", "print('lib')"), file("data/x", "1\u{e9}")]);
    assert_eq!(exec(&assignment).completed().out(), "lib\n['a b', '$HOME', '{main}', '']\n1\u{e9}\n");
}

#[test]
fn the_environment_is_an_allow_list_and_the_request_wins() {
    let mut assignment = python("import os; print(sorted(os.environ)); print(os.environ['A'], os.environ['B'])");
    assignment.program.env = vec![variable("A", "language"), variable("B", "language")];
    assignment.env = vec![variable("B", "request"), variable("LC_CTYPE", "C.UTF-8")];
    let out = exec(&assignment).completed().out();
    assert_eq!(out, "['A', 'B', 'HOME', 'LANG', 'LC_CTYPE', 'PATH']\nlanguage request\n");
}

#[test]
fn a_program_starts_in_a_session_of_its_own_with_nothing_inherited() {
    let code = "
import os, signal
print(os.getsid(0) == os.getpid(), os.getcwd() == os.environ['HOME'])
print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:4])
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
print(status['NoNewPrivs'].strip(), status['SigBlk'].strip(), open('/proc/self/oom_score_adj').read().strip())
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
try: open(f'/proc/{os.getppid()}/mem', 'rb'); print('readable')
except OSError: print('closed')
";
    let out = exec(&python(code)).completed().out();
    let lines: Vec<&str> = out.lines().collect();
    // The fourth descriptor is the one that lists the others.
    assert_eq!(lines[..4], ["True True", "[0, 1, 2, 3]", "1 0000000000000000 1000", "set()"]);
    assert_eq!(lines[4], "closed");
}

#[test]
fn exit_status_and_signal_are_told() {
    let run = exec(&python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"));
    assert_eq!((run.result.outcome, run.result.exit_code), (Outcome::NonZeroExit, Some(7)));
    assert_eq!((run.out().as_str(), run.err().as_str()), ("out\n", "err\n"));
    assert_eq!(run.result.error, "the program exited with status 7");
    let run = exec(&python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"));
    assert_eq!((run.result.outcome, run.result.signal.as_deref()), (Outcome::Signaled, Some("SIGKILL")));
    assert_eq!(run.result.exit_code, None);
}

#[test]
fn usage_counts_all_processes() {
    let code = "
import os, time
if os.fork() == 0:
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
    os._exit(0)
block = bytearray(b'x') * (60 << 20)
os.wait()
";
    let usage = exec(&python(code)).completed().result.usage;
    assert!(usage.cpu_seconds > 0.29 && usage.wall_seconds > 0.29, "{usage:?}");
    assert!(usage.memory_peak_bytes > 60 << 20, "{usage:?}");
}

#[test]
fn output_is_told_while_the_program_runs() {
    let code = "import time; print('first', flush=True); time.sleep(600)";
    let child = start(&python(code));
    let pid = rustix::process::Pid::from_child(&child);
    let run = finish(child, |event| {
        if matches!(event, Event::Stdout { data } if data == b"first\n") {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        }
    });
    assert_eq!(run.result.outcome, Outcome::Cancelled);
    assert_eq!(run.result.error, "the run was cancelled");
}

#[test]
fn the_deadline_holds_for_a_program_that_ignores_signals() {
    let code = "
import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
print('deaf', flush=True)
while True: time.sleep(1)
";
    let run = exec(&with_limits(code, |limits| limits.timeout_seconds = Seconds::whole(1)));
    assert_eq!((run.result.outcome, run.out().as_str()), (Outcome::TimedOut, "deaf\n"));
    assert_eq!(run.result.error, "the program was stopped after 1 s (wall-clock limit)");
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
}

#[test]
fn limits_of_time_are_kept_where_they_are_no_whole_seconds() {
    let slow = "import time; time.sleep(0.9)";
    let slept = exec(&with_limits(slow, |limits| limits.timeout_seconds = Seconds::from_millis(300)));
    assert_eq!(slept.result.outcome, Outcome::TimedOut);
    assert_eq!(slept.result.error, "the program was stopped after 0.3 s (wall-clock limit)");
    assert!(slept.result.usage.wall_seconds >= 0.3, "{:?}", slept.result.usage);
    let busy = "
import time
while time.process_time() < 0.95: pass
";
    let spun = exec(&with_limits(busy, |limits| limits.cpu_seconds = Seconds::from_millis(500)));
    assert_eq!(spun.result.outcome, Outcome::TimedOut);
    assert_eq!(spun.result.error, "the program was stopped after 0.5 s of cpu time (cpu-time limit)");
    assert!(spun.result.usage.cpu_seconds >= 0.5, "{:?}", spun.result.usage);
}

#[test]
fn a_stopped_program_meets_its_deadline() {
    let code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)";
    assert_eq!(
        exec(&with_limits(code, |limits| limits.timeout_seconds = Seconds::whole(1))).result.outcome,
        Outcome::TimedOut
    );
}

#[test]
fn cpu_time_is_limited_even_when_its_signal_is_ignored() {
    for ignored in ["", "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)"] {
        let run = exec(&with_limits(&format!("{ignored}\nwhile True: pass"), |limits| {
            limits.cpu_seconds = Seconds::whole(1);
        }));
        assert_eq!(run.result.outcome, Outcome::TimedOut, "{}", run.result.error);
        assert!(run.result.error.contains("cpu time"), "{}", run.result.error);
    }
}

#[test]
fn cpu_time_is_that_of_all_processes_together() {
    let code = "
import os
for _ in range(3): os.fork()
while True: pass
";
    let run = exec(&with_limits(code, |limits| limits.cpu_seconds = Seconds::whole(1)));
    assert_eq!(run.result.outcome, Outcome::TimedOut);
    assert!(run.result.error.contains("cpu time"), "{}", run.result.error);
}

#[test]
fn memory_is_that_of_all_processes_together() {
    let code = "
import os, time
for _ in range(4):
    if os.fork() == 0: break
block = bytearray(os.urandom(1 << 20)) * 60
time.sleep(600)
";
    let run = exec(&with_limits(code, |limits| limits.memory_bytes = 128 << 20));
    assert_eq!(run.result.outcome, Outcome::OutOfMemory, "{}", run.result.error);
    assert_eq!(run.result.error, "the program was stopped at 128 MiB (memory limit)");
}

#[test]
fn memory_that_was_held_for_a_moment_counts_too() {
    let code = "
import mmap
with mmap.mmap(-1, 160 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000) as populated: populated[0] = 1
print('done')
";
    for isolation in [Isolation::Namespaces, Isolation::Landlock] {
        let assignment = with_limits(code, |limits| limits.memory_bytes = 32 << 20);
        let run = finish(start_in(isolation, &assignment), |_| {});
        assert_eq!(run.result.outcome, Outcome::OutOfMemory, "{isolation:?}: {:?}", run.result);
        let assignment = with_limits(code, |limits| limits.memory_bytes = 256 << 20);
        finish(start_in(isolation, &assignment), |_| {}).completed();
    }
}

#[test]
fn memory_that_processes_share_is_counted_once() {
    let code = "
import os, time
block = bytearray(b'x') * (60 << 20)
children = [os.fork() for _ in range(1)]
if children[0]:
    children += [os.fork() for _ in range(1)]
time.sleep(0.5)
";
    exec(&with_limits(code, |limits| limits.memory_bytes = 128 << 20)).completed();
}

#[test]
fn a_file_past_its_limit_is_refused() {
    let code = "open('big', 'wb').write(b'x' * (2 << 20))";
    let run = exec(&with_limits(code, |limits| limits.file_bytes = 1 << 20));
    assert_eq!(run.result.outcome, Outcome::NonZeroExit);
    assert!(run.err().contains("File too large"), "{}", run.err());
}

#[test]
fn nothing_survives_the_end_of_the_program() {
    let marker = marker("daemon");
    // Twice forked, in a session of its own, deaf, and with the pipes still open.
    let code = "
import os, signal, subprocess, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, '-c', 'import time; print(\"up\", flush=True); time.sleep(600)', sys.argv[1]])
        time.sleep(600)
    time.sleep(600)
time.sleep(1)
print('main ends', flush=True)
";
    let run = exec(&Assignment { args: vec![marker.clone()], ..python(code) }).completed();
    assert_eq!(run.out(), "up\nmain ends\n");
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
    assert!(!is_alive(&marker));
}

#[test]
fn a_chain_of_forks_does_not_outrun_the_runner() {
    let marker = marker("chain");
    let code = "
import os, sys
if os.fork() == 0:
    while True:
        if os.fork(): os._exit(0)
        os.setsid()
import time; time.sleep(1)
";
    exec(&Assignment { args: vec![marker.clone()], ..python(code) }).completed();
    assert!(!is_alive(&marker));
}

#[test]
fn a_program_that_closes_its_output_runs_on_until_it_ends_or_its_deadline_comes() {
    let code = "import os, time; os.close(1); os.close(2); time.sleep(1); os._exit(4)";
    let run = exec(&python(code));
    assert_eq!(run.result.exit_code, Some(4));
    assert!(run.result.usage.wall_seconds >= 1.0 && run.result.usage.cpu_seconds < 0.8, "{:?}", run.result.usage);
    let code = "import os, time; os.close(1); os.close(2); time.sleep(600)";
    assert_eq!(
        exec(&with_limits(code, |limits| limits.timeout_seconds = Seconds::whole(1))).result.outcome,
        Outcome::TimedOut
    );
}

#[test]
fn a_flood_of_output_is_cut_between_two_characters() {
    for (stream, limit) in [("stdout", 100_000), ("stdout", 100_001), ("stderr", 100_001), ("stdout", 100_002)] {
        let code = format!("import sys\nwhile True: sys.{stream}.write('\u{20ac}' * 1000)");
        let run = exec(&with_limits(&code, |limits| limits.output_bytes = limit));
        assert_eq!(run.result.outcome, Outcome::OutputLimitExceeded);
        let (kept, cut, other) = match stream {
            "stdout" => (&run.stdout, run.result.stdout_truncated, run.result.stderr_truncated),
            _ => (&run.stderr, run.result.stderr_truncated, run.result.stdout_truncated),
        };
        // A comparison that fails would print all of it.
        let whole = "\u{20ac}".repeat(usize::try_from(limit / 3).expect("small"));
        assert!(kept == whole.as_bytes(), "{stream} of {limit}: {} bytes", kept.len());
        assert!(cut && !other);
    }
}

#[test]
fn output_of_exactly_the_limit_is_whole() {
    let code = "import os; os.write(1, b'x' * 9 + b'\\xe2')";
    let run = exec(&with_limits(code, |limits| limits.output_bytes = 10)).completed();
    assert_eq!(run.stdout, b"xxxxxxxxx\xe2");
    assert!(!run.result.stdout_truncated);
    let code = "import os; os.write(1, b'x' * 11)";
    let run = exec(&with_limits(code, |limits| limits.output_bytes = 10));
    assert_eq!((run.result.outcome, run.stdout.len()), (Outcome::OutputLimitExceeded, 10));
}

#[test]
fn the_first_cause_wins() {
    let code = "import sys\nwhile True: sys.stdout.write('x' * 1000)";
    let assignment =
        with_limits(code, |limits| (limits.output_bytes, limits.timeout_seconds) = (1000, Seconds::whole(20)));
    assert_eq!(exec(&assignment).result.outcome, Outcome::OutputLimitExceeded);
}

#[test]
fn a_server_that_is_gone_ends_the_run() {
    let marker = marker("orphan");
    let code = "import os, time; os.fork(); time.sleep(600)";
    let mut child = start(&Assignment { args: vec![marker.clone()], ..python(code) });
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_alive(&marker) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_alive(&marker));
    // The end of stdout's reader is all that a runner sees of a server that was killed.
    drop(child.stdout.take());
    child.wait().expect("it is ours");
    assert!(!is_alive(&marker));
}

#[test]
fn a_cancelled_run_keeps_what_it_wrote_and_leaves_no_process() {
    let marker = marker("cancel");
    let code = "
import subprocess, sys
print('begun', flush=True)
subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)', sys.argv[1]])
";
    let child = start(&Assignment { args: vec![marker.clone()], ..python(code) });
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_alive(&format!("sleep(600)\0{marker}")) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    terminate(&child);
    let run = finish(child, |_| {});
    assert_eq!((run.result.outcome, run.out().as_str()), (Outcome::Cancelled, "begun\n"));
    assert!(!is_alive(&marker));
}

#[test]
fn a_work_folder_is_removed_whatever_was_left_in_it() {
    let code = "
import os, tempfile
print(os.getcwd(), tempfile.gettempdir())
os.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)
";
    // Where there are no namespaces, root's programs run as a user who owns nothing.
    let assignment = Assignment { program: system_python(), ..python(code) };
    let out = finish(start_in(Isolation::Landlock, &assignment), |_| {}).completed().out();
    for folder in out.split_whitespace() {
        assert!(!std::path::Path::new(folder).exists(), "{folder}");
        assert!(!std::path::Path::new(folder).parent().expect("it has one").exists(), "{folder}");
    }
}

#[test]
fn a_heap_of_the_language_follows_the_memory_limit_of_its_step_and_users_text_stays() {
    let tell = "import os; print(os.environ['OPTIONS'], os.environ['MINE'])";
    let mut assignment = with_limits(tell, |limits| limits.memory_bytes = 256 << 20);
    assignment.program.env = vec![variable("OPTIONS", "-Xmx{heap}m")];
    assignment.env = vec![variable("MINE", "{heap}")];
    assignment.compile_limits = Some(Limits { memory_bytes: 512 << 20, ..Limits::DEFAULT });
    assignment.program.compile = Some(vec!["python3".into(), "{main}".into()]);
    let run = exec(&assignment).completed();
    assert_eq!(run.out(), "-Xmx192m {heap}\n");
    assert_eq!(run.result.compile.expect("it compiled").stdout, "-Xmx384m {heap}\n");
}

#[test]
fn a_compiler_runs_first_and_its_failure_is_the_verdict() {
    let compiler = |code: &str| {
        let mut assignment = python("print('ran', open('made').read())");
        assignment.files.push(file("compiler.py", code));
        assignment.program.compile = Some(vec!["python3".into(), "compiler.py".into(), "{main}".into()]);
        assignment.compile_args = vec!["-O".into()];
        assignment
    };
    let run = exec(&compiler("import sys; open('made', 'w').write(' '.join(sys.argv[1:])); print('note')")).completed();
    assert_eq!(run.out(), "ran main.py -O\n");
    let compile = run.result.compile.expect("it compiled");
    assert_eq!((compile.stdout.as_str(), compile.exit_code), ("note\n", Some(0)));
    let run = exec(&compiler("import sys; print('bad line', file=sys.stderr); sys.exit(1)"));
    assert_eq!((run.result.outcome, run.out().as_str()), (Outcome::CompileFailed, ""));
    assert_eq!((run.result.error.as_str(), run.result.exit_code), ("the compiler exited with status 1", None));
    let compile = run.result.compile.expect("it compiled");
    assert_eq!((compile.stderr.as_str(), compile.exit_code), ("bad line\n", Some(1)));
    let mut slow = compiler("import time; time.sleep(600)");
    slow.limits.timeout_seconds = Seconds::whole(1);
    assert_eq!(exec(&slow).result.outcome, Outcome::TimedOut);
}

#[test]
fn what_cannot_be_run_says_why() {
    let mut assignment = python("");
    assignment.program.run[0] = "locus-no-such-program".into();
    let result = exec(&assignment).result;
    assert_eq!(result.outcome, Outcome::RunnerFailed);
    assert!(result.error.contains("locus-no-such-program can't be started"), "{}", result.error);
    let result = exec(&Assignment { files: vec![file("../escape", "")], ..python("") }).result;
    assert_eq!(result.outcome, Outcome::InvalidRequest);
    let result = exec(&Assignment { files: vec![file("-c", "print('never')")], ..python("") }).result;
    assert_eq!(result.outcome, Outcome::InvalidRequest);
    let result = exec(&Assignment { args: vec!["x".repeat(1 << 20)], ..python("") }).result;
    assert_eq!(result.outcome, Outcome::InvalidRequest, "{}", result.error);
}

#[test]
fn node_runs_within_the_default_limits() {
    let mut assignment = python("");
    assignment.files = vec![file("main.js", "console.log([1, 2].map((x) => x * 2))")];
    assignment.program.run = vec!["node".into(), "{main}".into()];
    assert_eq!(exec(&assignment).completed().out(), "[ 2, 4 ]\n");
}

#[test]
fn a_program_reaches_what_its_network_lets_it_reach() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it listens").port().to_string();
    let code = "
import socket, sys, threading

def reach(what):
    try: return what()
    except OSError as error: return error.strerror

def itself():
    server = socket.create_server(('127.0.0.1', 0))
    threading.Thread(target=lambda: server.accept()[0].sendall(b'hi')).start()
    return socket.create_connection(server.getsockname(), 5).recv(2).decode()

def machine():
    socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)
    return 'reached'

print(reach(itself), '|', reach(machine), '|', reach(lambda: socket.socketpair() and 'pair'))
";
    for (network, told) in [
        (Network::None, "Address family not supported by protocol | Address family not supported by protocol | pair"),
        (Network::Loopback, "hi | Connection refused | pair"),
        (Network::Egress, "hi | reached | pair"),
    ] {
        let run = exec(&Assignment { network, args: vec![port.clone()], ..python(code) }).completed();
        assert_eq!(run.out().trim_end(), told, "{network:?}");
    }
}

#[test]
fn of_a_home_folder_the_interpreter_alone_can_be_read() {
    let home = tempfile::Builder::new().prefix("home-").tempdir_in("/var/tmp").expect("a folder");
    let version = home.path().join(".versions/1/bin");
    std::fs::create_dir_all(&version).expect("a folder");
    std::fs::write(home.path().join("secret"), "secret").expect("it is written");
    let interpreter = version.join("interpreter");
    std::fs::write(&interpreter, "#!/bin/sh\ncat $1; ls -a ../secret $0 ${0%/.v*}\n").expect("it is written");
    std::fs::set_permissions(&interpreter, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let mut assignment = python("");
    assignment.program.run = vec![text(&interpreter), text(&home.path().join("secret"))];
    assignment.program.readable = vec![text(&home.path().join(".versions/1"))];
    let run = exec(&assignment);
    let home = text(home.path());
    assert_eq!(
        run.out(),
        format!("{home}/.versions/1/bin/interpreter\n\n{home}:\n.\n..\n.versions\n"),
        "{}",
        run.err()
    );
    assert_eq!(run.err().matches("No such file").count(), 2, "{}", run.err());
}

/// What a run with cases told.
struct Cases {
    result: RunResult,
    cases: Vec<CaseTranscript>,
}

impl Cases {
    fn of(isolation: Isolation, assignment: &Assignment) -> Self {
        let mut transcript = Transcript::default();
        let mut open = None;
        let run = finish(start_in(isolation, assignment), |event| {
            match event {
                Event::CaseStarted { index } => {
                    assert_eq!((open, *index), (None, transcript.cases.len()), "one after the other");
                    open = Some(*index);
                }
                Event::CaseEnded { .. } => assert!(open.take().is_some(), "what ends has begun"),
                Event::Stdout { .. } | Event::Stderr { .. } => assert!(open.is_some(), "output is that of a case"),
                Event::Started | Event::File { .. } | Event::Finished { .. } => {}
            }
            transcript.push(event.clone(), usize::MAX);
        });
        Self { result: run.result, cases: transcript.cases }
    }

    fn outs(&self) -> Vec<String> {
        self.cases.iter().map(|case| String::from_utf8_lossy(&case.stdout).into_owned()).collect()
    }

    fn ends(&self) -> Vec<Outcome> {
        self.cases.iter().filter_map(|case| case.end.as_ref()).map(|end| end.outcome).collect()
    }
}

fn with_cases(assignment: Assignment, stdins: &[&str]) -> Assignment {
    let cases = stdins.iter().map(|stdin| CaseInput { stdin: (*stdin).to_owned(), args: Vec::new() }).collect();
    Assignment { cases, ..assignment }
}

/// Both places that a run has without a pod. Outside of namespaces a program of the tests' own user may see its home.
const PLACES: [Isolation; 2] = [Isolation::Namespaces, Isolation::Landlock];

fn in_place(isolation: Isolation, code: &str) -> Assignment {
    match isolation {
        Isolation::Namespaces => python(code),
        Isolation::Landlock => Assignment { program: system_python(), ..python(code) },
    }
}

#[test]
fn one_stream_for_both_holds_what_was_written_in_its_order() {
    let code = "
import os
for number in range(500): os.write(1 + number % 2, b'%d ' % number)
";
    let whole: String = (0..500_u32).map(|number| number.to_string() + " ").collect();
    let merged = Assignment { stderr_to_stdout: true, ..python(code) };
    let run = exec(&merged).completed();
    assert_eq!((run.out(), run.err()), (whole.clone(), String::new()));
    let judged = Cases::of(Isolation::Namespaces, &with_cases(merged, &["", ""]));
    assert_eq!(judged.outs(), [whole.clone(), whole]);
    assert!(judged.cases.iter().all(|case| case.stderr.is_empty()));
    let endless = Assignment {
        stderr_to_stdout: true,
        ..with_limits("import os\nwhile True: os.write(2, b'x' * 100)", |limits| limits.output_bytes = 1000)
    };
    let run = exec(&endless);
    assert_eq!(
        (run.result.error.as_str(), run.stdout.len()),
        ("the program was stopped after 1000 bytes of stdout (output limit)", 1000)
    );
    assert!(run.result.stdout_truncated && !run.result.stderr_truncated);
}

#[test]
fn each_case_has_its_own_input_arguments_limits_and_end() {
    let code = "
import sys
what = sys.stdin.read()
print(what, sys.argv[1:])
if what == 'exit': sys.exit(3)
if what == 'loop':
    while True: pass
if what == 'much': print('x' * 2000)
if what == 'kill': import os; os.kill(os.getpid(), 11)
";
    let mut assignment = with_cases(python(code), &["fine", "exit", "loop", "much", "kill", "fine"]);
    assignment.cases[0].args = vec!["a".into(), "b c".into()];
    (assignment.limits.timeout_seconds, assignment.limits.output_bytes) = (Seconds::whole(1), 1000);
    for isolation in PLACES {
        let told = Cases::of(isolation, &Assignment { program: in_place(isolation, "").program, ..assignment.clone() });
        assert_eq!((told.result.outcome, told.result.error.as_str()), (Outcome::Completed, ""));
        let ends = [
            Outcome::Completed,
            Outcome::NonZeroExit,
            Outcome::TimedOut,
            Outcome::OutputLimitExceeded,
            Outcome::Signaled,
            Outcome::Completed,
        ];
        assert_eq!(told.ends(), ends, "{isolation:?}");
        assert_eq!(told.outs()[0], "fine ['a', 'b c']\n");
        assert_eq!(told.outs()[5], "fine []\n");
        let end = |index: usize| told.cases[index].end.as_ref().expect("it has ended");
        assert_eq!((end(1).exit_code, end(4).signal.as_deref()), (Some(3), Some("SIGSEGV")));
        assert!(end(2).error.contains("wall-clock limit"), "{}", end(2).error);
        let sum: f64 = told.cases.iter().filter_map(|case| case.end.as_ref()).map(|end| end.usage.wall_seconds).sum();
        assert!((told.result.usage.wall_seconds - sum).abs() < 1e-6 && sum > 1.0, "{:?}", told.result.usage);
    }
}

#[test]
fn no_case_finds_anything_of_the_one_before() {
    let code = "
import os, sys
sys.stdin.read()
# Outside of namespaces a program has one folder beside its own.
others = ['/tmp', '/dev/shm'] if 'TMPDIR' not in os.environ else [os.environ['TMPDIR']]
print(sorted(os.listdir('.')), sum(map(os.listdir, others), []), open('data').read(), oct(os.stat('.').st_mode), int(os.stat('.').st_mtime) > 9)
for folder in ['.'] + others:
    os.makedirs(folder + '/deep/er'); open(folder + '/deep/er/file', 'w').write('answer'); os.mkfifo(folder + '/pipe')
    os.symlink('/etc/passwd', folder + '/link'); os.chmod(folder + '/deep', 0)
open('data', 'w').write('changed')
open('main.py', 'w').write('print(\"another program\")')
os.utime('.', (1, 1)); os.chmod('.', 0o500)
";
    for isolation in PLACES {
        let mut assignment = with_cases(in_place(isolation, code), &["1", "2", "3"]);
        assignment.files.push(file("data", "given"));
        let told = Cases::of(isolation, &assignment);
        assert_eq!(told.ends(), [Outcome::Completed; 3], "{:?}", told.cases);
        let outs = told.outs();
        assert!(outs[0].starts_with("['data', 'main.py'] [] given 0o40"), "{}", outs[0]);
        assert!(outs.iter().all(|out| *out == outs[0]), "{isolation:?} {outs:?}");
    }
}

#[test]
fn no_process_and_no_object_of_the_kernel_reaches_the_next_case() {
    let marker = marker("case");
    let code = "
import ctypes, errno, os, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
found = [int(libc.shmget(77, 4096, 0) >= 0), int(libc.msgget(77, 0) >= 0), int(libc.semget(77, 1, 0) >= 0)]
# It is made, by its name, also where Landlock keeps it from being opened.
mq = libc.mq_open(b'/answer', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, None)
found += [int(mq < 0 and ctypes.get_errno() == errno.EEXIST)]
others = [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in (1, os.getpid())]
if os.getppid() != 1: others = []
libc.shmget(77, 4096, 0o1666); libc.msgget(77, 0o1666); libc.semget(77, 1, 0o1666)
made = os.path.exists('/dev/mqueue/answer')
print(found, others, made, flush=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        child = 'import time; time.sleep(600)'
        subprocess.Popen([sys.executable, '-c', child, sys.argv[1]], stdin=subprocess.DEVNULL)
        time.sleep(600)
    time.sleep(600)
time.sleep(0.3)
";
    for isolation in PLACES {
        let mut assignment = with_cases(in_place(isolation, code), &["", "", ""]);
        assignment.cases.iter_mut().for_each(|case| case.args = vec![marker.clone()]);
        let told = Cases::of(isolation, &assignment);
        assert_eq!(told.ends(), [Outcome::Completed; 3], "{:?}", told.cases);
        let made = if isolation == Isolation::Namespaces { "True" } else { "False" };
        assert_eq!(told.outs(), vec![format!("[0, 0, 0, 0] [] {made}\n"); 3], "{isolation:?}");
        assert!(!is_alive(&marker));
    }
}

#[test]
fn a_program_is_compiled_once_and_each_case_runs_what_was_compiled() {
    let compiler = "
import os, sys, tempfile
text = open(sys.argv[1]).read()
open('made', 'w').write('#!/bin/sh\\nexec python3 ' + 'real.py')
open('real.py', 'w').write(text); os.chmod('made', 0o755)
os.mkdir('lib'); os.symlink('../real.py', 'lib/link'); os.mkfifo('pipe')
open(tempfile.gettempdir() + '/of-the-compiler', 'w')
open('count', 'a').write('x')
";
    let code = "
import os, stat, sys, tempfile
print(sorted(os.listdir('.')), os.readlink('lib/link'), open('count').read(), os.listdir(tempfile.gettempdir()))
with open('made', 'w') as made: made.write('#!/bin/sh\\necho cheat')
os.unlink('real.py'); os.symlink('/etc/passwd', 'real.py'); os.unlink('lib/link'); os.rename('lib', 'bil')
open('count', 'a').write('y')
";
    for isolation in PLACES {
        let mut assignment = with_cases(in_place(isolation, code), &["a", "b", "c"]);
        assignment.files.push(file("compiler.py", compiler));
        assignment.program.compile = Some(vec!["/usr/bin/python3".into(), "compiler.py".into(), "{main}".into()]);
        assignment.program.run = vec!["./made".into()];
        let told = Cases::of(isolation, &assignment);
        let line = "['compiler.py', 'count', 'lib', 'made', 'main.py', 'real.py'] ../real.py x []\n";
        assert_eq!(told.outs(), [line; 3], "{isolation:?} {:?}", told.cases);
        assert_eq!(told.ends(), [Outcome::Completed; 3]);
        assert!(told.result.compile.is_some());
    }
}

#[test]
fn a_compiler_that_leaves_more_than_can_be_kept_is_told() {
    let mut assignment = with_cases(python("print('ran')"), &["", ""]);
    assignment.files.push(file("compiler.py", "import os\nfor _ in range(70): os.mkdir('d'); os.chdir('d')"));
    assignment.program.compile = Some(vec!["python3".into(), "compiler.py".into()]);
    let told = Cases::of(Isolation::Namespaces, &assignment);
    assert_eq!(told.result.outcome, Outcome::CompileFailed, "{}", told.result.error);
    assert!(told.cases.is_empty() && told.result.error.contains("can't be kept"), "{}", told.result.error);
}

#[test]
fn the_output_of_all_cases_together_is_bounded() {
    let code = "import sys; n = int(sys.stdin.read()); sys.stdout.write('x' * n); sys.stderr.write('e' * 5)";
    let mut assignment = with_cases(python(code), &["10000000", "6000000", "1000000", "0", "0"]);
    assignment.limits.output_bytes = 16 << 20;
    let told = Cases::of(Isolation::Namespaces, &assignment);
    let ends =
        [Outcome::Completed, Outcome::Completed, Outcome::OutputLimitExceeded, Outcome::Completed, Outcome::Completed];
    assert_eq!((told.result.outcome, told.ends()), (Outcome::Completed, ends.to_vec()));
    let bytes: usize = told.cases.iter().map(|case| case.stdout.len()).sum();
    assert_eq!(bytes, 16 << 20);
    let end = told.cases[2].end.as_ref().expect("it has ended");
    assert!(end.error.contains("all tests together have written 16 MiB of stdout"), "{}", end.error);
    assert!(told.result.stdout_truncated && !told.result.stderr_truncated);
}

#[test]
fn a_cancelled_run_begins_no_further_case() {
    let code = "import sys, time; print(sys.stdin.read(), flush=True); time.sleep(600)";
    let child = start(&with_cases(python(code), &["one", "two", "three"]));
    let pid = rustix::process::Pid::from_child(&child);
    let mut transcript = Transcript::default();
    let run = finish(child, |event| {
        transcript.push(event.clone(), usize::MAX);
        if matches!(event, Event::Stdout { .. }) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        }
    });
    assert_eq!((run.result.outcome, run.result.error.as_str()), (Outcome::Cancelled, "the run was cancelled"));
    assert_eq!(transcript.cases.len(), 1);
    assert_eq!(transcript.cases[0].end.as_ref().expect("it has ended").outcome, Outcome::Cancelled);
}

#[test]
fn what_no_run_with_cases_can_have_is_refused() {
    let cases = with_cases(python(""), &[""]);
    for assignment in [
        Assignment { interactive: true, ..cases.clone() },
        Assignment { output_files: vec!["a".into()], ..cases.clone() },
        with_cases(python(""), &[""; 101]),
        Assignment { output_files: vec!["../a".into()], ..python("") },
    ] {
        assert_eq!(Cases::of(Isolation::Namespaces, &assignment).result.outcome, Outcome::InvalidRequest);
    }
}

fn files_of(isolation: Isolation, assignment: &Assignment) -> (RunResult, Vec<(String, Vec<u8>)>) {
    let mut transcript = Transcript::default();
    let run = finish(start_in(isolation, assignment), |event| transcript.push(event.clone(), usize::MAX));
    (run.result, transcript.files)
}

#[test]
fn files_that_were_asked_for_are_returned_however_the_program_ended() {
    let code = "
import os, sys
os.makedirs('out/deep'); open('out/deep/a.csv', 'w').write('1,2'); open('plot.png', 'wb').write(b'\\x89PNG\\xff')
open('other', 'w').write('x')
sys.exit(5)
";
    let output_files = vec!["**/*.csv".into(), "plot.png".into(), "no.txt".into(), "out".into()];
    for isolation in PLACES {
        let (result, files) =
            files_of(isolation, &Assignment { output_files: output_files.clone(), ..in_place(isolation, code) });
        assert_eq!(result.outcome, Outcome::NonZeroExit);
        assert_eq!(files, [("out/deep/a.csv".into(), b"1,2".to_vec()), ("plot.png".into(), b"\x89PNG\xff".to_vec())]);
        let left: Vec<_> = result.files_left.iter().map(|left| left.name.as_str()).collect();
        assert_eq!(left, ["no.txt", "out"], "{:?}", result.files_left);
    }
}

#[test]
fn nothing_but_the_programs_own_files_is_returned_and_nothing_holds_the_runner_up() {
    let code = "
import os, socket
open('real', 'w').write('mine')
os.symlink('/etc/passwd', 'passwd'); os.symlink('/etc', 'etc'); os.symlink('/proc/self/environ', 'environ')
os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('socket'); os.mkdir('folder'); os.symlink('../..', 'folder/up')
os.symlink('/dev/zero', 'zero'); os.symlink('/dev/tty', 'tty')
open(b'\\xff\\xfe', 'w').write('no name')
with open('sparse', 'w') as sparse: sparse.truncate(10 << 20)
os.link('real', 'hard')
for number in range(9000): open(f'folder/{number}', 'w')
os.chmod('.', 0)
";
    let names = [
        "passwd",
        "etc/passwd",
        "environ",
        "pipe",
        "socket",
        "folder/up/etc/passwd",
        "zero",
        "tty",
        "sparse",
        "real",
        "hard",
    ];
    let globs = ["etc/*", "**/passwd", "*pip*"];
    let output_files = names.into_iter().chain(globs).map(str::to_owned).collect();
    for isolation in PLACES {
        let (result, files) =
            files_of(isolation, &Assignment { output_files: Clone::clone(&output_files), ..in_place(isolation, code) });
        assert_eq!(result.outcome, Outcome::Completed, "{}", result.error);
        assert_eq!(files, [("hard".into(), b"mine".to_vec()), ("real".into(), b"mine".to_vec())]);
        let left: Vec<_> = result.files_left.iter().map(|left| left.name.as_str()).collect();
        assert_eq!(
            left,
            ["passwd", "etc/passwd", "environ", "pipe", "socket", "folder/up/etc/passwd", "zero", "tty", "sparse"]
        );
    }
}

#[test]
fn input_that_comes_while_a_program_runs_reaches_it() {
    for isolation in PLACES {
        let code = "
import sys
for line in sys.stdin: print('got', line.rstrip(), flush=True)
print('end')
";
        let assignment = Assignment { interactive: true, stdin: "first\n".into(), ..in_place(isolation, code) };
        let mut child = Command::new(RUNNER)
            .args(exec_args(isolation, &assignment))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the runner's binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut json = serde_json::to_vec(&assignment).expect("it serializes");
        // Some of the input has come before the assignment is read.
        json.extend_from_slice(b"\nsecond\n");
        stdin.write_all(&json).expect("it is read");
        let mut stdin = Some(stdin);
        let mut lines = 0;
        let run = finish(child, |event| {
            let Event::Stdout { data } = event else { return };
            lines += String::from_utf8_lossy(data).lines().count();
            if lines == 2 {
                let mut open = stdin.take().expect("it is open");
                open.write_all(b"third\n").expect("it is read");
            }
        });
        assert_eq!(run.completed().out(), "got first\ngot second\ngot third\nend\n", "{isolation:?}");
    }
}

#[test]
fn a_program_that_waits_for_input_costs_nothing_and_meets_its_deadline() {
    let code = "import os, sys; os.close(int(sys.argv[1])) if len(sys.argv) > 1 else 0; import time; time.sleep(600)";
    for (code, args) in [("input()", vec![]), (code, vec!["0".to_owned()])] {
        let mut assignment = Assignment { interactive: true, args, ..python(code) };
        assignment.limits.timeout_seconds = Seconds::whole(2);
        let mut child = Command::new(RUNNER)
            .args(exec_args(Isolation::Landlock, &Assignment { program: system_python(), ..assignment.clone() }))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the runner's binary starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        let mut json =
            serde_json::to_vec(&Assignment { program: system_python(), ..assignment }).expect("it serializes");
        json.push(b'\n');
        stdin.write_all(&json).expect("it is read");
        let pid = child.id();
        let spent = move || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<u64> = stat
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split(' ')
                .map(|field| field.parse().unwrap_or(0))
                .collect();
            fields.get(12).zip(fields.get(13)).map_or(0, |(user, system)| user + system)
        };
        let watcher = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(800));
            let before = spent();
            std::thread::sleep(Duration::from_millis(800));
            spent() - before
        });
        assert_eq!(finish(child, |_| {}).result.outcome, Outcome::TimedOut);
        let ticks = watcher.join().expect("it ends");
        assert!(ticks < 30, "the runner used {ticks} hundredths of a second");
        drop(stdin);
    }
}
