//! What the command says without running anything: help, completions, and what is wrong with a command line.

mod common;

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Folder, Going, end, end_with_input, locus, plugin};
use snapbox::{assert_data_eq, file};

#[test]
fn help_tells_all_there_is() {
    for (arguments, snapshot) in [
        (&["--help"][..], file!["snapshots/help.txt"]),
        (&["run", "--help"], file!["snapshots/run.txt"]),
        (&["ls", "--help"], file!["snapshots/ls.txt"]),
    ] {
        let ended = end(locus().args(arguments));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert_data_eq!(ended.text(), snapshot);
    }
    assert!(end(plugin().arg("--help")).text().contains("Usage: kubectl locus"));
    assert!(end(locus().arg("--version")).text().starts_with("locus "));
}

#[test]
fn each_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = end(locus().args(["completions", shell]));
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(["locus", "run", "stdin-file"].iter().all(|word| ended.text().contains(word)), "{shell}");
    }
    let bash = end(locus().args(["completions", "bash"])).stdout;
    let checked = end_with_input(std::process::Command::new("bash").arg("-n"), &bash);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
}

#[test]
fn a_command_line_that_can_not_be_is_refused_with_what_to_do() {
    let folder = Folder::with(&[
        ("a.py", ""),
        ("a.pl", ""),
        ("noname", "?"),
        ("bad.yaml", "- {expected: 1}"),
        ("none.yaml", "[]"),
        ("lib/b.py", ""),
    ]);
    folder.write("raw.txt", b"\xff");
    folder.write("built.py", b"\x7fELF\0");
    for (arguments, parts) in [
        ("", &["Usage", "run"][..]),
        ("rum a.py", &["rum", "'run'"]),
        ("run", &["FILE"]),
        ("run missing.py", &["there is no file missing.py"]),
        ("run lib", &["lib is a folder", "name a file"]),
        ("run built.py", &["built.py is no text", "not what was built"]),
        ("run a.py --tests lib", &["lib is a folder"]),
        ("run a.py --stdin-file missing", &["there is no file missing"]),
        ("run a.py --kubeconfig missing", &["there is no file missing"]),
        ("run a.py --namespace a --reader-key-file missing", &["missing", "No such file"]),
        ("run a.py --server http://a --api-key-file missing", &["there is no file missing"]),
        ("run a.py --server http://a?b", &["http://a?b", "http://HOST:PORT"]),
        ("run lib/b.py a.py", &["a.py", "outside"]),
        ("run a.py --timeout soon", &["soon", "5s"]),
        ("run a.py --timeout 0s", &["300ms"]),
        ("run a.py --memory lots", &["lots", "256Mi"]),
        ("run a.py --env LOCUS_NO_SUCH_VARIABLE", &["LOCUS_NO_SUCH_VARIABLE=VALUE"]),
        ("run a.py --label x", &["NAME=VALUE"]),
        ("run a.py --output x", &["--output-dir"]),
        ("run a.py -i --stdin-file x", &["--interactive", "--stdin-file"]),
        ("run a.py --tests missing.yaml", &["missing.yaml"]),
        (
            "run a.py --tests bad.yaml",
            &["bad.yaml", "line 1", "`expected` of tests[0]", "did you mean `expectedStdout`?"],
        ),
        ("run a.py --tests none.yaml", &["none.yaml", "none"]),
        ("run a.py --stdin-file raw.txt", &["raw.txt", "UTF-8"]),
        ("run -", &["--language"]),
        ("run - -i -l py", &["standard input"]),
        ("ls", &["--server", "--context"]),
        ("get x", &["--server"]),
        ("logs x --server ftp://a", &["ftp://a", "http://HOST:PORT"]),
        ("get ../x --server http://127.0.0.1:9", &["../x", "locus ls"]),
        ("ls --server http://a --context b", &["--context"]),
        ("ls --phase happy --server http://a", &["happy", "Pending"]),
        ("completions klingon", &["klingon", "bash"]),
    ] {
        let ended = end(&mut folder.locus(arguments));
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.stderr);
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{arguments}: {}", ended.stderr);
        assert!(ended.stdout.is_empty() && !ended.stderr.contains('\x1b'), "{arguments}: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }
}

#[test]
fn a_language_that_no_name_tells_is_asked_for() {
    if !common::can_run() {
        return;
    }
    let folder = Folder::with(&[("noname", "?"), ("a.py", ""), ("a.adb", "")]);
    for (arguments, parts) in [
        ("run noname", &["noname", "--language", "locus languages"][..]),
        ("run a.py -l pyhton", &["pyhton", "did you mean python?"]),
        ("run a.py -l klingon", &["klingon", "python"]),
    ] {
        let ended = end(&mut folder.locus(arguments));
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.stderr);
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{arguments}: {}", ended.stderr);
    }
}

#[test]
fn a_language_that_is_not_installed_is_told_with_the_ways_to_it() {
    if !common::can_run() {
        return;
    }
    // Of these none is installed where the commands of the system alone are found.
    let folder = Folder::with(&[("a.adb", ""), ("a.nim", "")]);
    for (arguments, parts) in [
        ("run a.adb", &["\"ada\" is not installed", "install Ada, so that gnatmake is on the PATH", "--server"][..]),
        ("run a.nim", &["\"nim\" is not installed", "install Nim", "--context"]),
    ] {
        let ended = end(folder.locus(arguments).env("PATH", "/nowhere"));
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.stderr);
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{arguments}: {}", ended.stderr);
    }
}

#[test]
fn what_is_passed_over_is_told_and_the_program_is_run() {
    if !common::can_run() {
        return;
    }
    let folder = Folder::with(&[("a.py", "print(1)"), ("empty.py", "")]);
    for (arguments, told, stdout) in [
        (
            "run a.py --api-key-file x --reader-key-file y",
            "locus: --api-key-file has no use on this machine\nlocus: --reader-key-file has no use on this machine\n",
            "1\n",
        ),
        ("run empty.py", "locus: empty.py is empty\n", ""),
        ("run - -l python", "locus: standard input is empty\n", ""),
    ] {
        let ended = end(&mut folder.locus(arguments));
        assert_eq!((ended.code, ended.stderr.as_str(), ended.text()), (0, told, stdout), "{arguments}");
    }
}

#[test]
fn a_program_that_does_not_come_is_given_up_at_the_first_interrupt() {
    if !common::can_run() {
        return;
    }
    let folder = Folder::with(&[("a.py", "")]);
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.py")).status();
    assert!(made.expect("mkfifo runs").success());
    for arguments in ["run - -l python", "run pipe.py", "run a.py --stdin-file pipe.py", "run a.py --tests pipe.py"] {
        for signal in ["INT", "TERM"] {
            let mut going = Going::start(folder.locus(arguments).stderr(Stdio::piped()));
            // Until it listens for signals, one ends it by itself.
            let deadline = Instant::now() + Duration::from_secs(30);
            while !listens(&going) {
                assert!(Instant::now() < deadline && going.goes_on(), "{arguments}");
                std::thread::sleep(Duration::from_millis(10));
            }
            going.signal(signal);
            let stdin = going.child.stdin.take();
            assert_eq!(going.code(), 130, "{arguments}");
            drop(stdin);
            let mut stderr = String::new();
            going.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
            assert_eq!(stderr, "", "{arguments}");
        }
    }
}

/// Whether a command has its own way with SIGTERM and SIGINT.
fn listens(going: &Going) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", going.child.id())).expect("it goes on");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("linux tells it");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a number");
    [2, 15].iter().all(|signal| caught & (1 << (signal - 1)) != 0)
}
