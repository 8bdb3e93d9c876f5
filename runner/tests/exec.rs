//! Real programs under `locus-runner exec`, the well-behaved and the others.
#![cfg(target_os = "linux")]

mod common;

use std::time::{Duration, Instant};

use common::{exec, file, finish, is_alive, marker, python, start, start_in, system_python, variable, with_limits};
use locus_core::{Assignment, Event, Limits, Network, Outcome};
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
    let run = exec(&with_limits(code, |limits| limits.timeout_seconds = 1));
    assert_eq!((run.result.outcome, run.out().as_str()), (Outcome::TimedOut, "deaf\n"));
    assert_eq!(run.result.error, "the program was stopped after 1 s (wall-clock limit)");
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
}

#[test]
fn a_stopped_program_meets_its_deadline() {
    let code = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)";
    assert_eq!(exec(&with_limits(code, |limits| limits.timeout_seconds = 1)).result.outcome, Outcome::TimedOut);
}

#[test]
fn cpu_time_is_limited_even_when_its_signal_is_ignored() {
    for ignored in ["", "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)"] {
        let run = exec(&with_limits(&format!("{ignored}\nwhile True: pass"), |limits| limits.cpu_seconds = 1));
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
    let run = exec(&with_limits(code, |limits| limits.cpu_seconds = 1));
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
    assert_eq!(exec(&with_limits(code, |limits| limits.timeout_seconds = 1)).result.outcome, Outcome::TimedOut);
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
    let assignment = with_limits(code, |limits| (limits.output_bytes, limits.timeout_seconds) = (1000, 20));
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
    slow.limits.timeout_seconds = 1;
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
