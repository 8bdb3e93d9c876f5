//! The Model Context Protocol, spoken by hand to the real server. What an unmodified client makes of it is in
//! tests/clients.

mod common;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Answer, Server, call, get};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");
const VERSION: (&str, &str) = ("mcp-protocol-version", "2025-06-18");

async fn post(server: &Server, headers: &[(&str, &str)], message: &Value) -> Answer {
    let headers = [&[ACCEPT, JSON], headers].concat();
    call(server.address, Method::POST, "/mcp", &headers, message.to_string()).await
}

/// The messages of an answer that is a stream of events.
fn messages(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

async fn ask(server: &Server, method: &str, params: Value) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer = post(server, &[VERSION], &message).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    messages(&answer.body).pop().unwrap_or_else(|| panic!("no message: {answer:?}"))
}

async fn run(server: &Server, arguments: Value) -> Value {
    let mut answer = ask(server, "tools/call", json!({"name": "run_code", "arguments": arguments})).await;
    assert_eq!(answer["error"], Value::Null, "{answer}");
    answer["result"].take()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}

/// The open answer to a call of `run_code`.
async fn begin(server: &Server, session: &str, id: &Value, code: &str) -> Body {
    let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": {"name": "run_code", "arguments": {"language": "python", "code": code}, "_meta": {"progressToken": "p"}}});
    let request = Request::post(format!("http://{}/mcp", server.address));
    let headers = [ACCEPT, JSON, VERSION, ("mcp-session-id", session)];
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Body::from(message.to_string())).expect("a request")).await;
    Body::new(response.expect("the server answers").into_body())
}

/// Reads on until a text has come.
async fn until(body: &mut Body, part: &str) -> String {
    let mut said = String::new();
    while !said.contains(part) {
        let frame = body.frame().await.unwrap_or_else(|| panic!("{part} is not in {said}")).expect("it goes on");
        said += &String::from_utf8_lossy(&frame.into_data().unwrap_or_default());
    }
    said
}

#[tokio::test]
async fn a_client_is_told_what_the_server_is_and_given_a_session() {
    let server = Server::start(&[]);
    let params =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let answer = post(&server, &[], &message).await;
    let result = &messages(&answer.body)[0]["result"];
    assert_eq!((&result["serverInfo"]["name"], &result["protocolVersion"]), (&json!("locus"), &json!("2025-06-18")));
    assert!(result["capabilities"]["tools"].is_object(), "{result}");
    assert!(result["instructions"].as_str().is_some_and(|text| text.contains("sandbox")), "{result}");
    let other = post(&server, &[], &message).await;
    assert_ne!(answer.headers["mcp-session-id"], other.headers["mcp-session-id"]);
    let noted = post(&server, &[VERSION], &json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!(noted.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn no_session_is_needed_and_none_is_kept() {
    let server = Server::start(&[]);
    let tools = ask(&server, "tools/list", json!({})).await;
    let names: Vec<_> = tools["result"]["tools"].as_array().into_iter().flatten().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["run_code", "list_languages"]);
    for method in [Method::GET, Method::DELETE] {
        let answer = call(server.address, method, "/mcp", &[ACCEPT, ("mcp-session-id", "s")], "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn a_program_is_run_with_its_input_files_and_arguments() {
    let server = Server::start(&[]);
    let result = run(
        &server,
        json!({"language": "py", "code": "import sys, helper\nprint(helper.twice(input()), sys.argv[1], open('d/b').read())\nsys.exit(3)",
            "stdin": "ab\n", "args": ["x"], "files": [
                {"name": "helper.py", "content": "def twice(a): return a + a"},
                {"name": "d/b", "content": STANDARD.encode("é"), "encoding": "base64"}]}),
    )
    .await;
    assert_eq!(result["isError"], json!(false));
    let data = &result["structuredContent"];
    assert_eq!(
        (&data["outcome"], &data["stdout"], &data["exitCode"]),
        (&json!("NonZeroExit"), &json!("abab x é\n"), &json!(3))
    );
    assert!(text(&result).starts_with("stdout:\nabab x é\n"), "{result}");
    assert!(text(&result).ends_with("outcome: NonZeroExit, exit code 3"), "{result}");
}

#[tokio::test]
async fn an_image_that_a_program_draws_is_shown() {
    let server = Server::start(&[]);
    let code = "open('plot.png', 'wb').write(b'\\x89PNG'); open('t.csv', 'w').write('1,2')";
    let result =
        run(&server, json!({"language": "python", "code": code, "outputFiles": ["*.png", "t.csv", "none.txt"]})).await;
    assert_eq!(
        result["content"][1],
        json!({"type": "image", "data": STANDARD.encode(b"\x89PNG"), "mimeType": "image/png"})
    );
    assert_eq!(result["content"][2]["resource"]["text"], "1,2");
    assert_eq!(result["structuredContent"]["files"][0]["name"], "plot.png");
    assert_eq!(result["structuredContent"]["filesMissing"][0]["name"], "none.txt");
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_an_answer() {
    let server = Server::start(&[]);
    let code = "print('a', flush=True)\nwhile True: pass";
    let result = run(&server, json!({"language": "python", "code": code, "timeoutSeconds": 1})).await;
    let data = &result["structuredContent"];
    assert_eq!(
        (&result["isError"], &data["outcome"], &data["stdout"]),
        (&json!(false), &json!("TimedOut"), &json!("a\n"))
    );
}

#[tokio::test]
async fn what_the_caller_did_wrong_is_said_as_the_tools_error() {
    let server = Server::start(&[]);
    for (arguments, part) in [
        (json!({"language": "klingon", "code": ""}), "python"),
        (json!({"language": "python"}), "missing field `code`"),
        (json!({"language": "python", "code": "", "timeout": 3}), "timeoutSeconds"),
        (json!({"language": "python", "code": "", "timeoutSeconds": 0}), "limits.timeoutSeconds must be"),
        (json!({"language": "python", "code": "", "files": [{"name": "../a", "content": ""}]}), "relative path"),
        (json!({"language": "python", "code": "", "files": [{"name": "main.py", "content": ""}]}), "stands twice"),
        (json!({"language": "python", "code": "", "args": [1]}), "args[0]"),
        (json!({"language": "python", "code": "x".repeat(300 << 10)}), "at most"),
    ] {
        let result = run(&server, arguments).await;
        assert_eq!(result["isError"], json!(true), "{result}");
        assert!(text(&result).contains(part), "{part} is not in {result}");
        assert_eq!(result["structuredContent"], Value::Null);
    }
    let unknown = ask(&server, "tools/call", json!({"name": "rm", "arguments": {}})).await;
    assert!(unknown["error"]["message"].as_str().is_some_and(|text| text.contains("run_code")), "{unknown}");
}

#[tokio::test]
async fn the_languages_are_told() {
    let server = Server::start(&[]);
    let answer = ask(&server, "tools/call", json!({"name": "list_languages", "arguments": {}})).await;
    let languages = &answer["result"]["structuredContent"]["languages"];
    let python = languages.as_array().into_iter().flatten().find(|language| language["selector"] == "python");
    let python = python.unwrap_or_else(|| panic!("no Python: {answer}"));
    assert!(python["aliases"].as_array().is_some_and(|aliases| aliases.contains(&json!("py"))), "{python}");
    assert!(text(&answer["result"]).contains("python, or py"), "{answer}");
}

#[tokio::test]
async fn output_is_told_while_the_program_runs_and_a_client_may_stop_it_by_another_request() {
    let server = Server::start(&[]);
    let code = "import time\nprint('ready', flush=True)\ntime.sleep(600)";
    let mut body = begin(&server, "s-1", &json!(4), code).await;
    let progress = messages(&until(&mut body, "ready").await);
    assert!(progress.iter().any(|message| message["params"]["progressToken"] == "p"), "{progress:?}");
    let cancel = |session: &'static str, id: u32| {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let server = &server;
        async move { post(server, &[VERSION, ("mcp-session-id", session)], &message).await.status }
    };
    // Neither another session's request nor another one of this.
    assert_eq!((cancel("s-2", 4).await, cancel("s-1", 5).await), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(going(&server).await, 1);
    assert_eq!(cancel("s-1", 4).await, StatusCode::ACCEPTED);
    let said = until(&mut body, "\"result\"").await;
    assert!(said.contains("Cancelled"), "{said}");
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_program_with_it() {
    let server = Server::start(&[]);
    let mut body = begin(&server, "s", &json!(1), "print('ready', flush=True)\nimport time\ntime.sleep(600)").await;
    until(&mut body, "ready").await;
    assert_eq!(going(&server).await, 1);
    drop(body);
    while going(&server).await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// How many runs go on.
async fn going(server: &Server) -> usize {
    let list = get(server.address, "/api/v1/runs?phase=Running").await.json();
    list["runs"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn what_guards_all_routes_guards_this_one() {
    let server = Server::start(&[]);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let foreign = post(&server, &[VERSION, ("origin", "https://evil.example")], &list).await;
    assert_eq!((foreign.status, &foreign.json()["reason"]), (StatusCode::FORBIDDEN, &json!("ForeignOrigin")));
    let large = call(server.address, Method::POST, "/mcp", &[ACCEPT, JSON], vec![b' '; (1 << 20) + 1]).await;
    assert_eq!((large.status, &large.json()["reason"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("BodyTooLarge")));
    // A key is asked for as everywhere; tests/edge.rs has the list.
}
