//! What the command says without running anything: help, completions, and what is wrong with a command line.

mod common;

use common::{Folder, end, end_with_input, locus, plugin};
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
    for (arguments, parts) in [
        ("", &["Usage", "run"][..]),
        ("rum a.py", &["rum", "'run'"]),
        ("run", &["FILE"]),
        ("run missing.py", &["missing.py", "can't be read"]),
        ("run lib", &["lib", "folder"]),
        ("run lib/b.py a.py", &["a.py", "outside"]),
        ("run a.py --timeout soon", &["soon", "5s"]),
        ("run a.py --timeout 0s", &["300ms"]),
        ("run a.py --memory lots", &["lots", "256Mi"]),
        ("run a.py --env LOCUS_NO_SUCH_VARIABLE", &["LOCUS_NO_SUCH_VARIABLE=VALUE"]),
        ("run a.py --label x", &["NAME=VALUE"]),
        ("run a.py --output x", &["--output-dir"]),
        ("run a.py -i --stdin-file x", &["--interactive", "--stdin-file"]),
        ("run a.py --tests missing.yaml", &["missing.yaml"]),
        ("run a.py --tests bad.yaml", &["bad.yaml", "expected", "expectedStdout"]),
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
    let folder = Folder::with(&[("noname", "?"), ("a.py", "")]);
    for (arguments, parts) in [
        ("run noname", &["noname", "--language", "locus languages"][..]),
        ("run a.py -l pyhton", &["pyhton", "did you mean python"]),
        ("run a.py -l klingon", &["klingon", "python"]),
    ] {
        let ended = end(&mut folder.locus(arguments));
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.stderr);
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{arguments}: {}", ended.stderr);
    }
}
