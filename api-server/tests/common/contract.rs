//! What every backend must do, asked over HTTP, so that a server on a cluster can be held to it as well.

use std::net::SocketAddr;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{execute, languages, python};

/// Holds a server to the contract.
pub async fn holds(server: SocketAddr) {
    let ids = languages(server).await;
    assert!(ids.iter().any(|id| id == "python"), "{ids:?}");
    if ids.iter().any(|id| id == "javascript") {
        let code = "console.log('hällo'); console.error('wörld')";
        gives(server, json!({"language": "js", "code": code}), "hällo\n", "wörld\n", "").await;
    }

    gives(server, python("print('hello')"), "hello\n", "", "").await;
    gives(server, python(""), "", "", "").await;
    let exact = python(r"import sys; sys.stdout.write(' a\r\n\t\0€😀\n\n'); sys.stderr.write('b')");
    gives(server, exact, " a\r\n\t\0€😀\n\n", "b", "").await;
    let bytes = python(r"import os; os.write(1, b'a\xffb')");
    gives(server, bytes, "a\u{fffd}b", "", "").await;
    let echo = json!({"language": "py", "code": "import os, sys; print(input(), sys.argv[1:], os.environ['A'])",
        "stdin": "in\n", "args": ["x y", "*"], "env": [{"name": "A", "value": "$b"}]});
    gives(server, echo, "in ['x y', '*'] $b\n", "", "").await;
    let files = json!({"language": "python", "files": [
        {"name": "start.py", "content": "import lib.util; print(lib.util.X)"},
        {"name": "lib/util.py", "content": "WCA9IDQyCg==", "encoding": "base64"}]});
    gives(server, files, "42\n", "", "").await;

    fails(server, python("print('before'); raise SystemExit(3)"), "before\n", "3").await;
    fails(server, python("import os; os.kill(os.getpid(), 11)"), "", "SIGSEGV").await;
    let slow = json!({"language": "python", "code": "print('on', flush=True)\nwhile True: pass",
        "limits": {"timeoutSeconds": 1}});
    fails(server, slow, "on\n", "1").await;
    let loud = json!({"language": "python", "code": "while True: print('€' * 1000)", "limits": {"outputBytes": 1000}});
    fails(server, loud, &"€".repeat(333), "output").await;

    for (request, part) in [
        (json!({"language": "klingon", "code": ""}), "python"),
        (json!({"language": "python"}), "code"),
        (json!({"language": "python", "code": "", "files": [{"name": "a", "content": ""}]}), "code"),
        (json!({"language": "python", "files": [{"name": "../a", "content": ""}]}), "../a"),
        (json!({"language": "python", "code": "", "args": ["\0"]}), "NUL"),
    ] {
        refuses(server, request, part).await;
    }
}

async fn gives(server: SocketAddr, request: Value, stdout: &str, stderr: &str, error: &str) {
    let answer = execute(server, &request).await;
    assert_eq!(answer.json(), json!({"stdout": stdout, "stderr": stderr, "error": error}), "{request}");
    assert_eq!(answer.status, StatusCode::OK, "{request}");
}

async fn fails(server: SocketAddr, request: Value, stdout: &str, part: &str) {
    let answer = execute(server, &request).await;
    assert_eq!(answer.status, StatusCode::OK, "{request}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["stdout"], stdout, "{request}");
    let error = body["error"].as_str().expect("text");
    assert!(!error.is_empty() && error.contains(part), "{request}: {error:?}");
    assert_eq!(body.as_object().expect("an object").len(), 3, "{body}");
}

async fn refuses(server: SocketAddr, request: Value, part: &str) {
    let answer = execute(server, &request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{request}: {answer:?}");
    let error = answer.json()["error"].as_str().expect("text").to_owned();
    assert!(error.contains(part), "{request}: {error:?}");
    assert_eq!(answer.json(), json!({"stdout": "", "stderr": "", "error": error}), "{request}");
}
