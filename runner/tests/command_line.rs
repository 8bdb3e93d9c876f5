//! The command line's contract: one line of JSON, whatever happens.

use std::process::{Command, Output};

use serde_json::Value;

fn run(request: &str) -> (Value, i32) {
    let Output { status, stdout, .. } =
        Command::new(env!("CARGO_BIN_EXE_locus-runner")).args(["run", request]).output().expect("the runner starts");
    let text = String::from_utf8(stdout).expect("the answer is text");
    assert_eq!(text.lines().count(), 1, "{text}");
    (serde_json::from_str(&text).expect("the answer is JSON"), status.code().expect("the runner exits"))
}

#[test]
fn a_program_is_run_and_its_output_is_told_to_the_byte() {
    let (answer, code) = run(r#"{"language":"python","code":"print(1)"}"#);
    assert_eq!(answer.to_string(), r#"{"error":"","stderr":"","stdout":"1\n"}"#);
    assert_eq!(code, 0);
}

#[test]
fn a_program_that_fails_is_still_a_run() {
    let (answer, code) = run(r#"{"language":"py","code":"import sys; sys.stderr.write('no'); sys.exit(3)"}"#);
    assert_eq!((&answer["stderr"], &answer["error"]), (&"no".into(), &"the program exited with status 3".into()));
    assert_eq!(code, 0);
}

#[test]
fn a_request_that_can_not_be_run_is_refused_with_what_to_do() {
    for (request, expected) in [
        ("", "EOF while parsing"),
        ("{", "line 1 column"),
        ("[]", "the request is not what it should be"),
        (r#"{"code":"print(1)"}"#, "missing field `language`"),
        (r#"{"language":"python"}"#, "give exactly one of code and files"),
        (r#"{"language":"cobol","code":"x"}"#, "choose one of: javascript, python"),
        (r#"{"language":"python","code":"x","cod":1}"#, "unknown field `cod`"),
        (r#"{"language":"python","files":[{"name":"../x","content":""}]}"#, "relative path"),
    ] {
        let (answer, code) = run(request);
        let error = answer["error"].as_str().expect("the error is text");
        assert!(error.contains(expected), "{request}: {error}");
        assert_eq!((answer["stdout"].as_str(), answer["stderr"].as_str(), code), (Some(""), Some(""), 2), "{request}");
    }
}

#[test]
fn an_unknown_command_tells_the_known_ones() {
    let output = Command::new(env!("CARGO_BIN_EXE_locus-runner")).arg("fly").output().expect("the runner starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("locus-runner serve"));
}
