//! The contract of `locus-runner run`: one JSON line, and an exit status that tells whether it ran.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const RUNNER: &str = env!("CARGO_BIN_EXE_locus-runner");

/// The exit status and the one line of stdout.
fn run(args: &[&str], stdin: &str) -> (i32, Value) {
    let mut child = Command::new(RUNNER)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the runner's binary starts");
    let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8(output.stdout).expect("JSON is text");
    assert_eq!(stdout.matches('\n').count(), 1, "one line: {stdout:?}");
    (output.status.code().expect("it exits"), serde_json::from_str(&stdout).expect("the line is JSON"))
}

#[test]
fn a_run_that_took_place_exits_with_0_whatever_its_outcome() {
    for (request, answer) in [
        (json!({"language": "python", "code": "print(1)"}), json!({"stdout": "1\n", "stderr": "", "error": ""})),
        (json!({"language": "py", "code": ""}), json!({"stdout": "", "stderr": "", "error": ""})),
        (
            json!({"language": "python", "code": "import sys; sys.stderr.write('no\\n'); sys.exit(3)"}),
            json!({"stdout": "", "stderr": "no\n", "error": "the program exited with status 3"}),
        ),
        (
            json!({"language": "python", "code": "import os; os.kill(os.getpid(), 11)"}),
            json!({"stdout": "", "stderr": "", "error": "the program was ended by SIGSEGV"}),
        ),
        (
            json!({"language": "python", "code": "while True: pass", "limits": {"timeoutSeconds": 1}}),
            json!({"stdout": "", "stderr": "", "error": "the program was stopped after 1 s (wall-clock limit)"}),
        ),
        (
            json!({"language": "python", "code": "import os; os.write(1, b'\\xff')"}),
            json!({"stdout": "\u{fffd}", "stderr": "", "error": ""}),
        ),
        (
            json!({"language": "python", "files": [{"name": "a.py", "content": "import b"}, {"name": "b.py", "content": "print(input())"}], "stdin": "hi"}),
            json!({"stdout": "hi\n", "stderr": "", "error": ""}),
        ),
    ] {
        assert_eq!(run(&["run", &request.to_string()], ""), (0, answer), "{request}");
    }
}

#[test]
fn tests_are_judged_files_are_returned_and_an_interactive_run_reads_on() {
    let tests = json!([
        {"name": "right", "stdin": "2", "expectedStdout": "4"},
        {"stdin": "3", "expectedStdout": "4"},
        {"stdin": "x", "expectedStdout": "4"},
    ]);
    let request = json!({"language": "python", "code": "print(int(input()) * 2)", "tests": tests});
    let (code, answer) = run(&["run", &request.to_string()], "");
    assert_eq!((code, &answer["error"], &answer["stdout"]), (0, &json!("1 of 3 tests passed"), &json!("")));
    let verdicts: Vec<_> = (0..3).map(|index| answer["tests"]["cases"][index]["verdict"].clone()).collect();
    assert_eq!(verdicts, ["Passed", "WrongOutput", "Failed"]);
    let first = &answer["tests"]["cases"][0];
    assert_eq!((&first["name"], &first["stdout"], &first["exitCode"]), (&json!("right"), &json!("4\n"), &json!(0)));
    assert_eq!((&answer["tests"]["passed"], &answer["tests"]["total"]), (&json!(1), &json!(3)));

    let code = "open('a.txt', 'w').write('x'); open('b.bin', 'wb').write(b'\\xff')";
    let request = json!({"language": "python", "code": code, "outputFiles": ["*.txt", "b.bin", "no"]});
    let (_, answer) = run(&["run", &request.to_string()], "");
    let files = json!([
        {"name": "a.txt", "content": "x", "encoding": "utf8"},
        {"name": "b.bin", "content": "/w==", "encoding": "base64"},
    ]);
    assert_eq!((&answer["files"], &answer["filesLeft"][0]["name"]), (&files, &json!("no")), "{answer}");

    let request = json!({"language": "python", "code": "print(input(), input())", "stdin": "a\n", "interactive": true});
    let (code, answer) = run(&["run", &request.to_string()], "b\n");
    assert_eq!((code, answer), (0, json!({"stdout": "a b\n", "stderr": "", "error": ""})));
}

#[test]
fn a_dash_reads_the_request_from_stdin() {
    let request = json!({"language": "python", "code": "print(2)"}).to_string();
    assert_eq!(run(&["run", "-"], &request), (0, json!({"stdout": "2\n", "stderr": "", "error": ""})));
}

#[test]
fn what_cannot_be_run_exits_with_2_and_says_what_to_do() {
    for (request, says) in [
        ("{", "EOF"),
        ("", "EOF"),
        ("[]", "language"),
        (r#"{"code": "print(1)"}"#, "missing field `language`"),
        (r#"{"language": "python"}"#, "exactly one of code and files"),
        (r#"{"language": "python", "code": "", "files": [{"name": "a", "content": ""}]}"#, "exactly one"),
        (r#"{"language": "klingon", "code": ""}"#, "javascript, "),
        (r#"{"language": "python@2", "code": ""}"#, "javascript, "),
        (r#"{"language": "python", "code": "", "colour": 1}"#, "colour"),
        (r#"{"language": "python", "files": [{"name": "../a", "content": ""}]}"#, "../a"),
        (r#"{"language": "python", "code": "", "args": ["\u0000"]}"#, "NUL"),
    ] {
        let (status, answer) = run(&["run", request], "");
        assert_eq!((status, &answer["stdout"], &answer["stderr"]), (2, &"".into(), &"".into()), "{request}");
        let error = answer["error"].as_str().expect("a sentence");
        assert!(error.contains(says), "{request}: {error}");
    }
}

#[test]
fn other_arguments_tell_the_usage() {
    for args in [&[][..], &["jump"], &["run"], &["run", "{}", "{}"]] {
        let output = Command::new(RUNNER).args(args).output().expect("the runner's binary starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage"), "{args:?}");
    }
}
