//! What Judge0's table can't say: keys, a full queue, and who is called at the end.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use axum::http::{HeaderValue, Method, StatusCode};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Answer, Server, call};
use crate::trial;

const KIND: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const JSON: (&str, &str) = ("content-type", "application/json");

pub fn trials() -> Vec<Trial> {
    vec![
        trial("judge0: a key may stand in its header or in the query", keys()),
        trial("judge0: a page may send its headers where it may call", preflight()),
        trial("judge0: who is authorised sees all of its own submissions", pages()),
        trial("judge0: a full queue takes no submission, and of a batch none", full_queue()),
        trial("judge0: a batch beyond the runs of a key begins none of them", full_key()),
        trial("judge0: a large submission is told whole, and a list of many is not", large()),
        trial("judge0: a callback is sent the submission in base64", callback()),
    ]
}

/// A server with the keys `a` and `b`.
fn with_keys() -> (Server, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let entry = |name: &str| {
        let hash: Vec<String> = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("- {{name: {name}, sha256: {}, concurrentRuns: 8}}\n", hash.concat())
    };
    std::fs::write(file.path(), format!("keys:\n{}{}", entry("a"), entry("b"))).expect("it is written");
    (Server::start(&["--api-keys", file.path().to_str().expect("text")]), file)
}

async fn submit(server: &Server, path: &str, headers: &[(&str, &str)], submission: &Value) -> Answer {
    call(server.address, Method::POST, path, &[headers, &[JSON]].concat(), submission.to_string()).await
}

async fn keys() {
    let (server, _file) = with_keys();
    let get = async |path: &str, headers: &[(&str, &str)]| call(server.address, Method::GET, path, headers, "").await;
    for (path, headers) in [
        ("/languages", &[("X-Auth-Token", "a")][..]),
        ("/languages", &[("authorization", "Bearer a")]),
        ("/languages?X-Auth-Token=a", &[]),
    ] {
        assert_eq!(get(path, headers).await.status, StatusCode::OK, "{path} {headers:?}");
    }
    for (path, headers) in [
        ("/languages", &[][..]),
        ("/languages", &[("X-Auth-Token", "c")]),
        ("/languages?X-Auth-Token=c", &[]),
        ("/submissions/batch?tokens=a", &[]),
        ("/about", &[("X-Auth-User", "a")]),
        // It is a key of this API alone.
        ("/api/v1/languages", &[("X-Auth-Token", "a")]),
    ] {
        let answer = get(path, headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {headers:?}");
        assert_eq!(answer.body.is_empty(), !path.starts_with("/api"), "{answer:?}");
    }
    let program = json!({"source_code": "print(1)", "language_id": 71});
    let token = submit(&server, "/submissions", &[("X-Auth-Token", "a")], &program).await.json();
    let path = format!("/submissions/{}", token["token"].as_str().expect("a token"));
    assert_eq!(get(&path, &[("X-Auth-Token", "a")]).await.status, StatusCode::OK);
    assert_eq!(get(&path, &[("X-Auth-Token", "b")]).await.status, StatusCode::NOT_FOUND, "it is another client's");
}

async fn preflight() {
    let server = Server::start(&["--cors-origin", "https://a.example"]);
    let headers = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type,x-auth-token,x-auth-user"),
    ];
    let answer = call(server.address, Method::OPTIONS, "/submissions", &headers, "").await;
    let allowed = answer.headers["access-control-allow-headers"].to_str().expect("text").to_lowercase();
    assert!(["x-auth-token", "x-auth-user", "tokens"].iter().all(|name| allowed.contains(name)), "{allowed}");
}

async fn pages() {
    let (server, _file) = with_keys();
    let own = [("X-Auth-Token", "a"), ("X-Auth-User", "a")];
    let ask = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        call(server.address, method, path, headers, "").await
    };
    for number in 0..3 {
        let program = json!({"source_code": format!("print({number})"), "language_id": 71});
        let done = submit(&server, "/submissions?wait=true", &own, &program).await;
        assert_eq!(done.json()["stdout"], format!("{number}\n"), "{done:?}");
    }
    let of_b = [("X-Auth-Token", "b")];
    submit(&server, "/submissions?wait=true", &of_b, &json!({"source_code": "print('b')", "language_id": 71})).await;

    let page = ask(Method::GET, "/submissions?per_page=2&fields=stdout", &own).await;
    assert_eq!(
        page.json(),
        json!({
            "submissions": [{"stdout": "2\n"}, {"stdout": "1\n"}],
            "meta": {"current_page": 1, "next_page": 2, "prev_page": null, "total_pages": 2, "total_count": 3},
        })
    );
    let page = ask(Method::GET, "/submissions?per_page=2&page=2&fields=stdout&base64_encoded=true", &own).await.json();
    assert_eq!(page["submissions"], json!([{"stdout": "MAo=\n"}]));
    assert_eq!((&page["meta"]["next_page"], &page["meta"]["prev_page"]), (&Value::Null, &json!(1)));
    let last = ask(Method::GET, &format!("/submissions?page={}", i64::MAX), &own).await;
    assert_eq!(last.status, StatusCode::OK, "{last:?}");
    let meta = &last.json()["meta"];
    assert_eq!(last.json()["submissions"], json!([]));
    assert_eq!((&meta["current_page"], &meta["next_page"]), (&json!(i64::MAX), &Value::Null));
    for (query, error) in [
        ("page=0", "invalid page: 0"),
        ("page=x", "invalid page: 0"),
        ("per_page=-1", "invalid per_page: -1"),
        ("fields=x", "invalid fields: [x]"),
    ] {
        let answer = ask(Method::GET, &format!("/submissions?{query}"), &own).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, json!({ "error": error })), "{query}");
    }
    let nobody = [("X-Auth-Token", "a"), ("X-Auth-User", "b")];
    assert_eq!(ask(Method::GET, "/submissions", &nobody).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask(Method::POST, "/authorize", &own).await.status, StatusCode::OK);
    assert_eq!(ask(Method::POST, "/authorize", &nobody).await.status, StatusCode::FORBIDDEN);
    let deleted = ask(Method::DELETE, "/submissions/d85cd024-1548-4165-96c7-7bc88673f194", &own).await;
    assert_eq!((deleted.status, deleted.json()), (StatusCode::BAD_REQUEST, json!({"error": "delete not allowed"})));
}

async fn full_queue() {
    let server = Server::start(&["--max-concurrent", "1", "--max-queued", "1"]);
    let slow = json!({"source_code": "import time; time.sleep(60)", "language_id": 71, "wall_time_limit": 60});
    let first = submit(&server, "/submissions", &[], &slow).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let batch = json!({"submissions": [slow, slow, slow]});
    let full = submit(&server, "/submissions/batch", &[], &batch).await;
    assert_eq!((full.status, full.json()), (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "queue is full"})));
    // What was taken of the batch has left its place.
    let second = loop {
        let answer = submit(&server, "/submissions", &[], &slow).await;
        if answer.status == StatusCode::CREATED {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(second.json()["token"].is_string());
    let full = submit(&server, "/submissions?wait=true", &[], &slow).await;
    assert_eq!((full.status, full.json()), (StatusCode::SERVICE_UNAVAILABLE, json!({"error": "queue is full"})));
    assert_eq!(full.headers["content-type"], "application/json; charset=utf-8");
}

async fn full_key() {
    let (server, _file) = with_keys();
    let own = [("X-Auth-Token", "a"), ("X-Auth-User", "a")];
    let program = json!({"source_code": "print(1)", "language_id": 71});
    let batch = json!({"submissions": vec![program; 9]});
    let refused = submit(&server, "/submissions/batch", &own, &batch).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{refused:?}");
    let listed = call(server.address, Method::GET, "/submissions", &own, "").await;
    assert_eq!(listed.json()["meta"]["total_count"], 0, "{listed:?}");
}

async fn large() {
    let server = Server::start(&[]);
    let get = async |path: String| call(server.address, Method::GET, &path, &[], "").await;
    // Each byte of it is six of JSON.
    let source_code = "import sys; sys.stdout.write('\\0' * 9000000)";
    let program = json!({"source_code": source_code, "language_id": 71, "max_file_size": 16384});
    let stdout = "\0".repeat(9_000_000);
    let done = submit(&server, "/submissions?wait=true", &[], &program).await;
    assert_eq!((done.status, &done.headers["content-type"]), (StatusCode::CREATED, &KIND));
    let done = done.json();
    assert!(done["stdout"] == stdout.as_str() && done["status"]["id"] == 3, "{}", done["status"]);
    let token = done["token"].as_str().expect("a token");
    let alone = get(format!("/submissions/{token}?fields=stdout")).await;
    assert_eq!((alone.status, &alone.headers["content-type"]), (StatusCode::OK, &KIND));
    assert!(alone.json() == json!({ "stdout": stdout }));
    let batch = |count: usize, fields| {
        get(format!("/submissions/batch?tokens={}&fields={fields}", [token].repeat(count).join(",")))
    };
    let three = batch(3, "stdout").await;
    assert_eq!(three.status, StatusCode::OK);
    assert!(three.json()["submissions"][2]["stdout"] == stdout.as_str());
    let many = batch(4, "stdout").await;
    assert_eq!(many.status, StatusCode::BAD_REQUEST);
    assert!(many.json()["error"].as_str().expect("text").contains("too large for one answer"));
    let small = batch(20, "status_id").await;
    assert_eq!(small.json()["submissions"], json!(vec![json!({"status_id": 3}); 20]));
}

async fn callback() {
    let server = Server::start(&["--callback-allow", "127.0.0.0/8"]);
    let receiver = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/done?team=a", receiver.local_addr().expect("an address"));
    let program = json!({"source_code": "print(input())", "language_id": 71, "stdin": "é", "callback_url": url});
    let taken = submit(&server, "/submissions", &[], &program).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{taken:?}");
    let call = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = receiver.accept().expect("it is called");
        let (mut request, mut bytes) = (String::new(), [0; 4096]);
        while !request.ends_with("}}") {
            let length = stream.read(&mut bytes).expect("it sends");
            request += std::str::from_utf8(&bytes[..length]).expect("text");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("it waits for the answer");
        request
    });
    let request = call.await.expect("it is received");
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("PUT /done?team=a HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let told: Value = serde_json::from_str(body).expect("JSON");
    let keys: Vec<&str> = told.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["compile_output", "memory", "message", "status", "stderr", "stdout", "time", "token"]);
    assert_eq!(told["stdout"], "w6kK\n");
    assert_eq!(told["status"], json!({"id": 3, "description": "Accepted"}));
    assert_eq!(told["token"], taken.json()["token"]);
}
