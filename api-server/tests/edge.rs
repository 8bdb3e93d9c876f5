//! Clients that ask for too much, send too slowly, or have no right to ask, against the real server.

mod common;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use common::{Answer, Server, get, python, send};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn connect(server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server).expect("it listens");
    stream.write_all(bytes).expect("it takes what is sent");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// What a server says until it closes the connection, and after how long.
fn until_closed(mut stream: TcpStream) -> (String, Duration) {
    let (began, mut said) = (Instant::now(), Vec::new());
    let _ = stream.read_to_end(&mut said);
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed())
}

async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(format!("http://{}{path}", server.address));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(request.body(body.into()).expect("a request")).await
}

fn resident_bytes(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("linux tells it");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[test]
fn clients_that_send_slowly_are_given_up() {
    let server = Server::start(&[]);
    let halves: [(&[u8], &str); 3] = [
        (b"", ""),
        (b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ", ""),
        (b"POST /execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{", "HTTP/1.1 408 "),
    ];
    let waits = halves.map(|(bytes, answer)| {
        let stream = connect(server.address, bytes);
        (answer, std::thread::spawn(move || until_closed(stream)))
    });
    for (answer, wait) in waits {
        let (said, time) = wait.join().expect("it ends");
        assert!(said.starts_with(answer), "{said:?} and not {answer:?}");
        assert!((10..50).contains(&time.as_secs()), "{answer:?} after {time:?}");
    }
}

#[tokio::test]
async fn half_open_clients_by_hundreds_leave_the_server_answering() {
    let server = Server::start(&[]);
    let before = resident_bytes(&server);
    let begins: [&[u8]; 3] = [
        b"",
        b"POST /execute HTTP/1.1\r\nhost: localhost\r\n",
        b"POST /execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{\"language\": \"",
    ];
    let silent: Vec<TcpStream> = (0..300).map(|number| connect(server.address, begins[number % 3])).collect();
    for _ in 0..5 {
        let answer = common::execute(server.address, &python("print(1)")).await;
        assert_eq!(answer.json()["stdout"], "1\n");
    }
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for {} silent clients", silent.len());
}

#[tokio::test]
async fn bodies_that_are_kept_waiting_do_not_fill_the_memory() {
    let server = Server::start(&[]);
    let before = resident_bytes(&server);
    let begin = format!("POST /execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1 << 20);
    let most = [begin.as_bytes(), &vec![b' '; 1_000_000]].concat();
    // Some are answered while they still send.
    let held: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            let _ = stream.write_all(&most);
            stream
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = resident_bytes(&server).saturating_sub(before);
    assert!(grown < 160 << 20, "{grown} bytes for {} bodies", held.len());
    assert_eq!(get(server.address, "/healthz").await.status, StatusCode::OK);
    drop(held);
    let mut answer = common::execute(server.address, &python("print(1)")).await;
    for _ in 0..50 {
        if answer.status == StatusCode::OK {
            break;
        }
        assert_eq!(answer.headers["retry-after"], "1");
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = common::execute(server.address, &python("print(1)")).await;
    }
    assert_eq!(answer.json()["stdout"], "1\n");
}

/// A connection from another address of this machine.
fn connect_from(from: &str, server: SocketAddr, bytes: &[u8]) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let from: SocketAddr = format!("{from}:0").parse().expect("an address");
    socket.bind(&from.into()).expect("it is this machine's");
    socket.connect(&server.into()).expect("it listens");
    let mut stream = TcpStream::from(socket);
    stream.write_all(bytes).expect("it takes what is sent");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

fn asking(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").into_bytes()
}

#[test]
fn one_address_keeps_no_other_out_and_whoever_asks_how_the_server_is_has_an_answer() {
    let server = Server::start(&["--max-connections", "8"]);
    let from = |address: &str, path: &str| until_closed(connect_from(address, server.address, &asking(path))).0;
    let silent: Vec<TcpStream> = (0..6).map(|_| connect(server.address, b"")).collect();
    // What comes now is accepted behind those.
    let refused = from("127.0.0.1", "/api/v1/languages");
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("retry-after: 1"), "{refused}");
    assert!(refused.contains(r#""reason":"Crowded""#) && refused.contains("connection: close"), "{refused}");
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = from("127.0.0.1", path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    assert!(from("127.0.0.2", "/api/v1/languages").starts_with("HTTP/1.1 200 "));
    // Those of all addresses together may be too many as well.
    let others: Vec<TcpStream> =
        ["127.0.0.3", "127.0.0.4"].into_iter().map(|from| connect_from(from, server.address, b"")).collect();
    assert!(from("127.0.0.2", "/api/v1/languages").starts_with("HTTP/1.1 503 "));
    assert!(from("127.0.0.2", "/healthz").starts_with("HTTP/1.1 200 "));
    drop((silent, others));
    let deadline = Instant::now() + Duration::from_secs(20);
    while !from("127.0.0.1", "/api/v1/languages").starts_with("HTTP/1.1 200 ") {
        assert!(Instant::now() < deadline, "the places are not free again");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn connections_of_a_trusted_proxy_are_bounded_by_their_number_alone() {
    let server = Server::start(&["--max-connections", "8", "--trust-forwarded", "127.0.0.0/8"]);
    let silent: Vec<TcpStream> = (0..7).map(|_| connect(server.address, b"")).collect();
    let answer = until_closed(connect(server.address, &asking("/api/v1/languages"))).0;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer} beside {}", silent.len());
}

#[test]
fn bodies_of_one_client_leave_room_for_those_of_others() {
    let server = Server::start(&[]);
    let begin = format!("POST /execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1 << 20);
    let most = [begin.as_bytes(), &vec![b' '; 1_000_000]].concat();
    let held: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            // Some are answered while they still send.
            let _ = stream.write_all(&most);
            stream
        })
        .collect();
    let program = python("print(1)").to_string() + &" ".repeat(500_000);
    let beginning = "POST /execute HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ";
    let request = format!("{beginning}{}\r\n\r\n{program}", program.len());
    let answer = until_closed(connect_from("127.0.0.2", server.address, request.as_bytes())).0;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""stdout":"1\n""#),
        "{answer} beside {}",
        held.len()
    );
}

#[tokio::test]
async fn answers_that_nobody_reads_do_not_fill_the_memory() {
    let server = Server::start(&[]);
    let code = "import sys\nfor stream in sys.stdout, sys.stderr: stream.buffer.write(bytes(15 << 20))";
    let request = json!({"language": "python", "code": code, "limits": {"outputBytes": 16 << 20}});
    let taken = ask(&server, Method::POST, "/api/v1/runs", &[], request.to_string()).await;
    let path = taken.headers["location"].to_str().expect("a path").to_owned();
    while ask(&server, Method::GET, "/api/v1/runs?phase=Succeeded", &[], "").await.json()["runs"] == json!([]) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let before = resident_bytes(&server);
    // Of each answer the first bytes are read and no more.
    let begun = |_| {
        let (mut stream, mut head) = (connect(server.address, &asking(&path)), [0; 12]);
        stream.read_exact(&mut head).expect("it is answered");
        (stream, String::from_utf8_lossy(&head).into_owned())
    };
    let (unread, heads): (Vec<TcpStream>, Vec<String>) = (0..40).map(begun).unzip();
    let grown = resident_bytes(&server).saturating_sub(before);
    // Each of them is 180 MiB of JSON.
    assert!(grown < 400 << 20, "{grown} bytes for {} answers", unread.len());
    for head in ["HTTP/1.1 200", "HTTP/1.1 503"] {
        assert!(heads.iter().any(|other| other == head), "{heads:?}");
    }
    assert_eq!(common::execute(server.address, &python("print(1)")).await.json()["stdout"], "1\n");
    drop(unread);
    let deadline = Instant::now() + Duration::from_secs(60);
    let answer = loop {
        let answer = ask(&server, Method::GET, &path, &[], "").await;
        if answer.status == StatusCode::OK {
            break answer;
        }
        assert_eq!(
            (&answer.json()["reason"], answer.headers["retry-after"].as_bytes()),
            (&json!("Crowded"), &b"1"[..])
        );
        assert!(Instant::now() < deadline, "there is still no room");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(answer.body.len() > 180 << 20, "{} bytes", answer.body.len());
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_alike_everywhere() {
    let server = Server::start(&[]);
    for (body, status, reason, part) in [
        (
            r#"{ "lenguage": "python"}"#,
            400,
            "UnknownField",
            "unknown field `lenguage` at line 1 column 12: did you mean `language`?",
        ),
        ("{\n\"language\": ,}", 400, "InvalidJson", "line 2 column 13"),
        (
            r#"{"language": "python", "code": "", "limits": {"cpuSeconds": 0}}"#,
            400,
            "InvalidRequest",
            "limits.cpuSeconds",
        ),
        (r#"{"language": "python", "code": "", "callback": "http://10.0.0.1/"}"#, 400, "InvalidRequest", "10.0.0.1"),
    ] {
        let program = ask(&server, Method::POST, "/execute", &[], body).await;
        let run = ask(&server, Method::POST, "/api/v1/runs", &[], body).await;
        assert_eq!((program.status.as_u16(), run.status.as_u16()), (status, status), "{body}");
        assert_eq!(
            (&run.json()["reason"], &run.json()["message"]),
            (&json!(reason), &program.json()["error"]),
            "{body}"
        );
        assert!(run.json()["message"].as_str().is_some_and(|message| message.contains(part)), "{run:?}");
    }
    let large = ask(&server, Method::POST, "/api/v1/runs", &[], vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((large.status, &large.json()["reason"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("BodyTooLarge")));
}

/// A server with API keys `a` and `b`, which the texts behind the names are the keys of.
fn with_keys(extra: &str) -> (Server, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    write_keys(&file, &[("a", extra), ("b", "")]);
    (Server::start(&["--api-keys", file.path().to_str().expect("text"), "--max-concurrent", "4"]), file)
}

fn write_keys(file: &tempfile::NamedTempFile, keys: &[(&str, &str)]) {
    let entry = |(name, extra): &(&str, &str)| {
        let hash: Vec<String> = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("- {{name: {name}, sha256: {}{extra}}}\n", hash.concat())
    };
    let entries: String = keys.iter().map(entry).collect();
    std::fs::write(file.path(), format!("keys:\n{entries}")).expect("it is written");
}

const A: (&str, &str) = ("authorization", "Bearer a");
const B: (&str, &str) = ("authorization", "bearer  b");

#[tokio::test]
async fn with_keys_runs_are_for_those_who_have_one() {
    let (server, _file) = with_keys("");
    for path in ["/", "/embed", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/"] {
        assert_eq!(get(server.address, path).await.status, StatusCode::OK, "{path}");
    }
    let program = python("print(1)").to_string();
    for (method, path) in [
        (Method::POST, "/execute"),
        (Method::POST, "/api/v1/runs"),
        (Method::GET, "/api/v1/runs"),
        (Method::GET, "/api/v1/runs/x"),
        (Method::DELETE, "/api/v1/runs/x"),
        (Method::GET, "/api/v1/runs/x/events"),
        (Method::POST, "/api/v1/runs/x/stdin"),
        (Method::GET, "/api/v1/runs/x/files/y"),
        (Method::GET, "/api/v1/languages"),
        (Method::POST, "/mcp"),
    ] {
        for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Basic YTpi")]] {
            let answer = ask(&server, method.clone(), path, headers, program.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} {headers:?}");
            assert!(answer.headers["www-authenticate"].to_str().is_ok_and(|text| text.starts_with("Bearer ")));
            let key = if path == "/execute" { "error" } else { "message" };
            assert!(answer.json()[key].as_str().is_some_and(|text| text.contains("API key")), "{answer:?}");
        }
    }
    assert_eq!(ask(&server, Method::POST, "/execute", &[A], program).await.json()["stdout"], "1\n");
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let headers = [A, ("accept", "application/json, text/event-stream"), ("content-type", "application/json")];
    assert_eq!(ask(&server, Method::POST, "/mcp", &headers, list).await.status, StatusCode::OK);
    let program = json!({"lang": "py", "code": "print(1)"}).to_string();
    let refused = ask(&server, Method::POST, "/librechat/exec", &[], program.clone()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.json()["error"].as_str().is_some_and(|text| text.contains("API key")), "{refused:?}");
    for key in [A, ("x-api-key", "a")] {
        let ran = ask(&server, Method::POST, "/librechat/exec", &[key], program.clone()).await;
        assert_eq!(ran.json()["stdout"], "1\n", "{ran:?}");
    }
}

#[tokio::test]
async fn a_page_of_elsewhere_may_read_that_it_has_no_key() {
    let (_, file) = with_keys("");
    let path = file.path().to_str().expect("text");
    let server = Server::start(&["--api-keys", path, "--cors-origin", "https://a.example"]);
    let answer = ask(&server, Method::GET, "/api/v1/runs", &[("origin", "https://a.example")], "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://a.example");
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = ask(&server, Method::OPTIONS, "/api/v1/runs", &preflight, "").await;
    assert_eq!(answer.status, StatusCode::OK, "a browser asks first, and without the key");
}

#[tokio::test]
async fn a_client_sees_its_own_runs_alone() {
    let (server, _file) = with_keys("");
    let program = python("print(1)").to_string();
    let once = ("idempotency-key", "k");
    let run =
        async |client| ask(&server, Method::POST, "/api/v1/runs?wait=30s", &[client, once], program.clone()).await;
    let (of_a, of_b) = (run(A).await.json(), run(B).await.json());
    assert_ne!(of_a["id"], of_b["id"], "the key of one is not that of another");
    let path = format!("/api/v1/runs/{}", of_a["id"].as_str().expect("an id"));
    assert_eq!(ask(&server, Method::GET, &path, &[A], "").await.status, StatusCode::OK);
    for (method, path) in [(Method::GET, path.clone()), (Method::DELETE, path.clone()), (Method::GET, path + "/events")]
    {
        assert_eq!(ask(&server, method, &path, &[B], "").await.status, StatusCode::NOT_FOUND);
    }
    let list = ask(&server, Method::GET, "/api/v1/runs", &[B], "").await.json();
    let ids: Vec<&Value> = list["runs"].as_array().expect("a list").iter().map(|run| &run["id"]).collect();
    assert_eq!(ids, [&of_b["id"]]);
}

#[tokio::test]
async fn keys_that_change_are_in_force_soon_and_a_broken_file_changes_nothing() {
    let (server, file) = with_keys("");
    let may = async |client| ask(&server, Method::GET, "/api/v1/runs", &[client], "").await.status == StatusCode::OK;
    assert!(may(A).await);
    std::fs::write(file.path(), "keys: [oh").expect("it is written");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(may(A).await);
    write_keys(&file, &[("b", "")]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while may(A).await {
        assert!(Instant::now() < deadline, "the key is still good");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(may(B).await);
}

#[tokio::test]
async fn a_key_has_so_many_runs_at_one_time_and_so_many_requests() {
    let (server, _file) = with_keys(", concurrentRuns: 1, requestsPerMinute: 7");
    let slow = python("import time; time.sleep(60)").to_string();
    let post = async |client, once: &'static str| {
        ask(&server, Method::POST, "/api/v1/runs", &[client, ("idempotency-key", once)], slow.clone()).await
    };
    let first = post(A, "1").await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(post(A, "1").await.json()["id"], first.json()["id"], "it is the same run and not another one");
    let second = post(A, "2").await;
    assert_eq!((second.status, &second.json()["reason"]), (StatusCode::TOO_MANY_REQUESTS, &json!("TooManyRuns")));
    assert_eq!(second.headers["retry-after"], "1");
    assert_eq!(post(B, "2").await.status, StatusCode::ACCEPTED);
    let path = first.headers["location"].to_str().expect("a path").to_owned();
    assert!(ask(&server, Method::DELETE, &path, &[A], "").await.status.is_success());
    let over = ask(&server, Method::GET, &(path + "?wait=30s"), &[A], "").await;
    assert_eq!(over.json()["outcome"], "Cancelled");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(post(A, "3").await.status, StatusCode::ACCEPTED);
    assert_eq!(post(A, "3").await.status, StatusCode::ACCEPTED);
    let refused = post(A, "3").await;
    assert_eq!((refused.status, &refused.json()["reason"]), (StatusCode::TOO_MANY_REQUESTS, &json!("RateLimited")));
    let seconds: u32 = refused.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=10).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_rate_is_that_of_an_address_and_a_proxy_is_believed_where_it_is_trusted() {
    let plain = Server::start(&["--rate-limit", "3"]);
    let trusting = Server::start(&["--rate-limit", "3", "--trust-forwarded", "127.0.0.0/8"]);
    for (server, others) in [(&plain, StatusCode::TOO_MANY_REQUESTS), (&trusting, StatusCode::OK)] {
        let list = async |from| ask(server, Method::GET, "/api/v1/runs", &[("x-forwarded-for", from)], "").await;
        for _ in 0..3 {
            assert_eq!(list("198.51.100.1").await.status, StatusCode::OK);
        }
        assert_eq!(list("198.51.100.1").await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(list("198.51.100.2").await.status, others);
        assert_eq!(get(server.address, "/healthz").await.status, StatusCode::OK);
    }
    let refused = common::execute(plain.address, &python("print(1)")).await;
    assert!(
        refused.json()["error"].as_str().is_some_and(|error| error.starts_with("you ask too often")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_callback_is_sent_the_run_and_the_server_waits_for_it() {
    let server = Server::start(&["--callback-allow", "127.0.0.0/8"]);
    let receiver = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/ended?team=a", receiver.local_addr().expect("an address"));
    let request = json!({"language": "python", "code": "print(6 * 7)", "callback": url});
    let taken = ask(&server, Method::POST, "/api/v1/runs", &[], request.to_string()).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED, "{taken:?}");
    let asked = tokio::task::spawn_blocking(move || {
        let (mut stream, _) = receiver.accept().expect("it is called");
        let (mut request, mut bytes) = (String::new(), [0; 4096]);
        while !request.ends_with('}') {
            let length = stream.read(&mut bytes).expect("it sends");
            request += std::str::from_utf8(&bytes[..length]).expect("text");
        }
        // The server is told to stop, and waits.
        (stream, request)
    });
    let (mut stream, request) = asked.await.expect("it is received");
    let id = taken.json()["id"].as_str().expect("an id").to_owned();
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    assert!(
        head.starts_with("POST /ended?team=a HTTP/1.1\r\n") && head.contains(&format!("locus-run-id: {id}")),
        "{head}"
    );
    let told: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&told["id"], &told["stdout"], &told["phase"]), (&json!(id), &json!("42\n"), &json!("Succeeded")));
    assert!(std::process::Command::new("kill").arg(server.pid()).status().expect("kill runs").success());
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("it waits for the answer");
    assert!(server.ended_well());
}

#[test]
fn keys_that_can_not_be_used_are_no_start() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let start = |path: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_locus-api-server"))
            .args(["--listen", "127.0.0.1:0", "--api-keys", path])
            .output()
            .expect("it starts");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(start(file.path().to_str().expect("text")).contains("keygen"));
    assert!(start("/nowhere").contains("--api-keys"));
}

#[test]
fn a_key_is_made_with_a_word_and_a_server_for_all_says_loudly_that_it_asks_for_none() {
    let server = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_locus-api-server"));
        command.args(arguments);
        command
    };
    let made = server(&["keygen", "--name", "ci"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && told.contains("  locus_") && told.contains("- name: ci\n"), "{told}");
    assert!(!server(&["keygen", "--name", "-"]).status().expect("it starts").success());

    let mut child = server(&["--listen", "0.0.0.0:0"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = std::io::BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let said: Vec<String> =
        lines.map(|line| line.expect("text")).take_while(|line| !line.contains("\"serving\"")).collect();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let warnings: Vec<_> = said.iter().filter(|line| line.contains("WARN") && line.contains("--api-keys")).collect();
    assert_eq!(warnings.len(), 1, "{said:?}");
}

#[test]
fn a_head_without_end_is_refused() {
    let server = Server::start(&[]);
    let mut stream = connect(server.address, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-long: ");
    let _ = stream.write_all(&vec![b'x'; 200_000]);
    let (said, _) = until_closed(stream);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
}
