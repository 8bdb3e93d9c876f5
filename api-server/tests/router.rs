//! The routes, in front of a backend that runs nothing.

mod common;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use common::fake::Fake;
use http_body_util::BodyExt as _;
use locus_api_server::app::{App, router};
use locus_api_server::backend::{BackendError, LanguageInfo, Told};
use locus_api_server::pages::Pages;
use locus_core::{Event, FileLeft, Outcome, OutputFile, Phase, Run, RunResult};
use locus_languages::Language;
use locus_runner::sandbox::{Isolation, Layer, SandboxReport};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_http::cors::AllowOrigin;

/// As where programs run on somebody's own machine.
const OWN_PAGE: Pages = Pages::These { origins: Vec::new(), on_this_machine: true };

fn app(answer: Result<Run, BackendError>) -> (App, Arc<Fake>) {
    let layer = Layer { name: "seccomp".into(), in_force: true, detail: "a filter".into() };
    let sandbox = SandboxReport { isolation: Some(Isolation::Namespaces), layers: vec![layer], weakness: None };
    let python = locus_languages::find(locus_languages::all(), "python").expect("it is known");
    let old = Language {
        version: "3.11".into(),
        default: false,
        aliases: vec!["py".into()],
        libraries: vec!["numpy".into()],
        editor: Some("none".into()),
        example: "print(1)".into(),
        ..python.clone()
    };
    let fake = Fake::new(move |_| answer.clone());
    let fake = Arc::new(Fake { languages: vec![LanguageInfo::from(&old)], sandbox: Some(sandbox), ..fake });
    (App::new(fake.clone()), fake)
}

fn run(outcome: Outcome) -> Run {
    let run = Run { stdout: Some("out\n".into()), stderr_base64: Some("ZXJy/w==".into()), ..Run::default() };
    run.ended(RunResult::failed(outcome, ""))
}

fn works() -> App {
    app(Ok(run(Outcome::Completed))).0
}

/// A backend whose runs go on without end.
fn never_ends() -> (App, Arc<Fake>) {
    app(Ok(Run { phase: Phase::Running, ..Run::default() }))
}

async fn ask(app: &App, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = router(app.clone(), AllowOrigin::any()).oneshot(request).await.expect("a router never fails");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.into()).expect("text"))
}

fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body.into()).expect("a request")
}

async fn execute(app: &App, body: &str) -> (StatusCode, HeaderMap, Value) {
    let (status, headers, body) = ask(app, request(Method::POST, "/execute", body.to_owned())).await;
    (status, headers, serde_json::from_str(&body).expect("JSON"))
}

const PROGRAM: &str = r#"{"language": "python", "code": "print(1)"}"#;

#[tokio::test]
async fn a_run_is_answered_with_three_keys() {
    let (status, headers, body) = execute(&works(), PROGRAM).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(body, json!({"stdout": "out\n", "stderr": "err\u{fffd}", "error": ""}));
}

#[tokio::test]
async fn a_program_that_fails_is_still_an_answer() {
    for outcome in [Outcome::NonZeroExit, Outcome::TimedOut, Outcome::OutOfMemory, Outcome::Cancelled] {
        let failed = Run { error: "it failed".into(), ..run(outcome) };
        let (status, _, body) = execute(&app(Ok(failed)).0, PROGRAM).await;
        assert_eq!((status, &body["error"]), (StatusCode::OK, &json!("it failed")), "{outcome}");
    }
}

#[tokio::test]
async fn a_platform_that_fails_is_an_error_of_the_server() {
    let lost = Run { error: "the node is gone".into(), ..run(Outcome::NodeLost) };
    let (status, _, body) = execute(&app(Ok(lost)).0, PROGRAM).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body["error"], "the node is gone");
}

#[tokio::test]
async fn the_whole_request_reaches_the_backend() {
    let (app, fake) = app(Ok(run(Outcome::Completed)));
    let body = json!({"language": "python", "files": [{"name": "a.py", "content": ""}], "stdin": "in", "args": ["a"],
        "env": [{"name": "A", "value": "b"}], "compileArgs": ["-O"], "limits": {"timeoutSeconds": 3},
        "compileLimits": {"timeoutSeconds": 2.5}});
    assert_eq!(execute(&app, &body.to_string()).await.0, StatusCode::OK);
    let order = fake.orders().pop().expect("it was asked");
    assert_eq!((order.client, order.once, order.keep_seconds), (None, None, 0));
    assert_eq!(serde_json::to_value(&order.request).expect("it serializes"), {
        let mut expected = body;
        expected["files"][0]["encoding"] = json!("utf8");
        expected
    });
}

#[tokio::test]
async fn a_request_that_says_nothing_sensible_is_refused_with_the_reason() {
    for (body, part) in [
        ("", "empty"),
        ("{", "line 1 column 1"),
        ("{\n  \"language\": python}", "line 2 column 15"),
        ("print(1)", "not valid JSON"),
        ("[]", "can't be understood"),
        ("null", "can't be understood"),
        (r#"{"code": "print(1)"}"#, "missing field `language`"),
        (r#"{"language": 3, "code": ""}"#, "language is 3"),
        (r#"{"language": "python", "cod": ""}"#, "unknown field `cod`"),
        (r#"{"language": "python", "code": "", "limits": {"seconds": 1}}"#, "unknown field `seconds`"),
        (r#"{"language": "python", "code": "", "limits": {"timeoutSeconds": 0}}"#, "limits.timeoutSeconds"),
        (r#"{"language": "python", "code": "", "limits": {"timeoutSeconds": -1}}"#, "-1"),
        (r#"{"language": "python", "code": "", "limits": {"cpuSeconds": -0.5}}"#, "-0.5"),
        (r#"{"language": "python", "code": "", "compileLimits": {"cpuSeconds": 0}}"#, "compileLimits.cpuSeconds"),
        (r#"{"language": "python", "code": ""} {}"#, "trailing characters"),
        ("\u{feff}{}", "byte order mark"),
        (
            r#"{"language": "python", "code": "", "limits": {"memoryBytes": "256Mi"}}"#,
            "a number of bytes, such as 268435456",
        ),
        (r#"{"language": "python", "code": "", "limits": [1]}"#, "limits is a list"),
        (r#"{"language": "python", "code": "", "env": {"A": "b"}}"#, "a list of {name, value}"),
        (r#"{"language": "python", "code": "", "timeout": 1}"#, "did you mean `limits.timeoutSeconds`?"),
        (r#"{"language": "python", "code": "", "code": ""}"#, "code stands twice"),
    ] {
        let (app, fake) = app(Ok(run(Outcome::Completed)));
        let (status, _, answer) = execute(&app, body).await;
        let error = answer["error"].as_str().expect("text").to_owned();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(error.contains(part), "{body}: {error}");
        assert_eq!(answer, json!({"stdout": "", "stderr": "", "error": error}), "{body}");
        assert!(fake.orders().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn each_error_of_a_backend_has_its_status() {
    for (error, status) in [
        (BackendError::UnknownLanguage("no".into()), 400),
        (BackendError::InvalidRequest("no".into()), 400),
        (BackendError::QueueFull { retry_after_seconds: 7 }, 429),
        (BackendError::Unavailable("no".into()), 503),
        (BackendError::RunnerFailed("no".into()), 500),
    ] {
        let (answered, headers, body) = execute(&app(Err(error.clone())).0, PROGRAM).await;
        assert_eq!(answered, status, "{error}");
        assert_eq!(body, json!({"stdout": "", "stderr": "", "error": error.to_string()}));
        let retry = headers.get("retry-after").map(|value| value.to_str().expect("text"));
        assert_eq!(retry, (status == 429).then_some("7"), "{error}");
    }
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused() {
    let body = |bytes: usize| PROGRAM.to_owned() + &" ".repeat(bytes - PROGRAM.len());
    assert_eq!(execute(&works(), &body(1 << 20)).await.0, StatusCode::OK);
    let (status, _, answer) = execute(&works(), &body((1 << 20) + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer, json!({"stdout": "", "stderr": "", "error": "the request is larger than 1048576 bytes"}));
}

#[tokio::test]
async fn json_under_another_content_type_is_understood() {
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
        let mut request = request(Method::POST, "/execute", PROGRAM);
        request.headers_mut().insert("content-type", kind.parse().expect("a header"));
        assert_eq!(ask(&works(), request).await.0, StatusCode::OK, "{kind}");
    }
}

#[tokio::test]
async fn a_packed_or_garbled_body_is_refused() {
    for (path, error) in [("/execute", "error"), ("/api/v1/runs", "message"), ("/api/v1/runs/run-000/stdin", "message")]
    {
        let app = works();
        create(&app, "", &[], PROGRAM).await;
        let (status, headers, body) = call(&app, Method::POST, path, &[("content-encoding", "gzip")], PROGRAM).await;
        assert_eq!((status, &headers["accept-encoding"]), (415, &header("identity")), "{path}: {body}");
        assert!(body[error].as_str().is_some_and(|text| text.contains("without Content-Encoding: gzip")), "{body}");
    }
    let (status, _, _) = create(&works(), "", &[("content-encoding", "identity")], PROGRAM).await;
    assert_eq!(status, 200);
    let garbled = [b"{\"language\": \"python\", \"code\": \"\xff\"}".as_slice(), &[0xff, 0xfe, b'{', 0]];
    for bytes in garbled {
        let (status, _, body) = ask(&works(), request(Method::POST, "/execute", bytes.to_vec())).await;
        assert!(status == StatusCode::BAD_REQUEST && body.contains("it is not UTF-8 at line 1"), "{body}");
    }
}

#[tokio::test]
async fn a_wrong_path_or_method_is_told_in_json() {
    for (method, path, status, reason) in [
        (Method::GET, "/nowhere", 404, "NotFound"),
        (Method::POST, "/execute/", 404, "NotFound"),
        (Method::GET, "/execute", 405, "MethodNotAllowed"),
        (Method::DELETE, "/", 405, "MethodNotAllowed"),
        (Method::PUT, "/api/v1/runs", 405, "MethodNotAllowed"),
        (Method::GET, "/api/v1/runs/x", 404, "NotFound"),
        (Method::DELETE, "/api/v1/runs/x", 404, "NotFound"),
        (Method::GET, "/api/v1/runs/x/events", 404, "NotFound"),
        (Method::POST, "/api/v1/runs/x/stdin", 404, "NotFound"),
        (Method::GET, "/api/v1/runs/x/stdin", 426, "UpgradeRequired"),
        (Method::GET, "/api/v1/runs/x/files/a.png", 404, "NotFound"),
    ] {
        let (answered, headers, body) = ask(&works(), request(method, path, "")).await;
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((answered.as_u16(), &body["reason"]), (status, &json!(reason)), "{path}");
        assert_eq!(body["requestId"], headers["x-request-id"].to_str().expect("text"), "{path}");
        assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{path}");
    }
}

#[tokio::test]
async fn a_request_keeps_its_plain_id_and_is_given_one_otherwise() {
    for (sent, kept) in [("abc-1.2_3", true), ("a b", false), ("{}", false), (&"a".repeat(65), false)] {
        let mut request = request(Method::GET, "/healthz", "");
        request.headers_mut().insert("x-request-id", sent.parse().expect("a header"));
        let (_, headers, _) = ask(&works(), request).await;
        assert_eq!(headers["x-request-id"] == sent, kept, "{sent}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_may_call() {
    let mut preflight = request(Method::OPTIONS, "/execute", "");
    for (name, value) in [
        ("origin", "https://school.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ] {
        preflight.headers_mut().insert(name, value.parse().expect("a header"));
    }
    let (status, headers, _) = ask(&works(), preflight).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    for method in ["GET", "POST", "DELETE"] {
        assert!(headers["access-control-allow-methods"].to_str().is_ok_and(|list| list.contains(method)), "{method}");
    }
    for name in ["content-type", "authorization", "idempotency-key", "last-event-id", "x-auth-token", "mcp-session-id"]
    {
        assert!(headers["access-control-allow-headers"].to_str().is_ok_and(|list| list.contains(name)), "{name}");
    }

    let mut call = request(Method::POST, "/execute", PROGRAM);
    call.headers_mut().insert("origin", "https://school.example".parse().expect("a header"));
    let (_, headers, _) = ask(&works(), call).await;
    assert_eq!(headers["access-control-allow-origin"], "*");
    for name in ["x-request-id", "location", "retry-after"] {
        assert!(headers["access-control-expose-headers"].to_str().is_ok_and(|list| list.contains(name)), "{name}");
    }
}

#[tokio::test]
async fn a_list_of_origins_leaves_others_out() {
    let origins = AllowOrigin::list(["https://a.example".parse().expect("a header")]);
    for (origin, allowed) in [("https://a.example", true), ("https://b.example", false)] {
        let mut call = request(Method::POST, "/execute", PROGRAM);
        call.headers_mut().insert("origin", origin.parse().expect("a header"));
        let response = router(works(), origins.clone()).oneshot(call).await.expect("a router never fails");
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed, "{origin}");
    }
}

#[tokio::test]
async fn the_page_may_load_its_own_files_only() {
    for (path, kind) in
        [("/", "text/html"), ("/embed", "text/html"), ("/embed.js", "text/javascript"), ("/sw.js", "text/javascript")]
    {
        let (status, headers, body) = ask(&works(), request(Method::GET, path, "")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(headers["content-type"].to_str().is_ok_and(|value| value.starts_with(kind)), "{path}");
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("require-trusted-types-for 'script'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(
            (&headers["x-content-type-options"], &headers["referrer-policy"], &headers["cache-control"]),
            (&header("nosniff"), &header("no-referrer"), &header("no-cache"))
        );
        for unsafe_part in ["innerHTML", " style=", "onclick", "<script>", "document.write"] {
            assert!(!body.contains(unsafe_part), "{unsafe_part} stands in {path}");
        }
    }
}

#[tokio::test]
async fn all_that_the_page_names_is_there_and_never_changes() {
    let (_, _, page) = ask(&works(), request(Method::GET, "/", "")).await;
    let named: Vec<&str> = page.split('"').filter(|part| part.starts_with("assets/")).collect();
    assert!(named.len() >= 3, "{named:?}");
    for name in named {
        let (status, headers, _) = ask(&works(), request(Method::GET, &format!("/{name}"), "")).await;
        assert_eq!(
            (status, &headers["cache-control"]),
            (StatusCode::OK, &header("public, max-age=31536000, immutable")),
            "{name}"
        );
        let mut again = request(Method::GET, &format!("/{name}"), "");
        again.headers_mut().insert("if-none-match", headers["etag"].clone());
        let (status, _, body) = ask(&works(), again).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{name}");
    }
    let mut packed = request(Method::GET, "/", "");
    packed.headers_mut().insert("accept-encoding", header("gzip"));
    let response = router(works(), AllowOrigin::any()).oneshot(packed).await.expect("a router never fails");
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn the_page_for_frames_may_stand_in_any_page_unless_programs_run_on_the_reader_s_machine() {
    for (app, path, ancestors) in [
        (works(), "/embed", "frame-ancestors *"),
        (works().for_pages(OWN_PAGE), "/embed", "frame-ancestors 'self'"),
        (works(), "/", "frame-ancestors 'none'"),
        (works(), "/healthz", "frame-ancestors 'none'"),
    ] {
        let (_, headers, _) = ask(&app, request(Method::GET, path, "")).await;
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.ends_with(ancestors), "{path}: {policy}");
    }
}

#[tokio::test]
async fn the_languages_are_listed() {
    let (_, _, body) = ask(&works(), request(Method::GET, "/api/v1/languages", "")).await;
    let expected = json!({"languages": [{"id": "python", "name": "Python", "version": "3.11", "default": false,
        "selector": "python@3.11", "aliases": ["py"], "fileName": "main.py", "editor": null, "libraries": ["numpy"],
        "example": "print(1)"}]});
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), expected);
}

#[tokio::test]
async fn readiness_follows_the_backend_and_the_end_of_the_server() {
    let readiness = async |app: &App| {
        let (status, _, body) = ask(app, request(Method::GET, "/readyz", "")).await;
        (status.as_u16(), serde_json::from_str::<Value>(&body).expect("JSON"))
    };
    let works = works();
    let layers =
        json!({"isolation": "namespaces", "layers": [{"name": "seccomp", "inForce": true, "detail": "a filter"}]});
    assert_eq!(readiness(&works).await, (200, json!({"ready": true, "backend": "fake", "sandbox": layers})));
    works.drain();
    let (status, body) = readiness(&works).await;
    assert_eq!((status, &body["ready"], &body["reason"]), (503, &json!(false), &json!("Draining")));
    assert_eq!(ask(&works, request(Method::GET, "/healthz", "")).await.0, StatusCode::OK);

    let (status, body) = readiness(&app(Err(BackendError::Unavailable("no cluster".into()))).0).await;
    assert_eq!((status, &body["reason"], &body["message"]), (503, &json!("Unavailable"), &json!("no cluster")));
}

#[tokio::test]
async fn runs_are_counted_without_a_word_of_the_clients() {
    let app = works();
    execute(&app, PROGRAM).await;
    execute(&app, r#"{"language": "evil\"} 1", "code": "secret"}"#).await;
    let (_, headers, body) = ask(&app, request(Method::GET, "/metrics", "")).await;
    assert!(headers["content-type"].to_str().is_ok_and(|kind| kind.starts_with("application/openmetrics-text")));
    for line in [
        "locus_api_server_runs_total{language=\"python\",outcome=\"Completed\"} 1\n",
        "locus_api_server_runs_total{language=\"other\",outcome=\"Completed\"} 1\n",
        "locus_api_server_run_duration_seconds_count 2\n",
        "locus_api_server_requests_in_flight 1\n",
    ] {
        assert!(body.contains(line), "{line} is not in\n{body}");
    }
    assert!(!body.contains("evil") && !body.contains("secret"));
}

#[tokio::test]
async fn where_programs_run_on_this_machine_other_pages_may_not_start_one() {
    let app = works().for_pages(OWN_PAGE);
    for (host, origin, allowed) in [
        ("127.0.0.1:8000", None, true),
        ("127.0.0.1:8000", Some("http://127.0.0.1:8000"), true),
        ("localhost:8000", Some("http://localhost:8000"), true),
        ("[::1]:8000", Some("http://[::1]:8000"), true),
        ("127.0.0.1:8000", Some("https://evil.example"), false),
        ("127.0.0.1:8000", Some("null"), false),
        ("127.0.0.1:8000", Some("http://localhost:3000"), false),
        // A name that its owner lets point to this machine.
        ("evil.example:8000", Some("http://evil.example:8000"), false),
    ] {
        let mut request = request(Method::POST, "/execute", r#"{"language":"python","code":""}"#);
        request.headers_mut().insert("host", host.parse().expect("a header"));
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        let (status, _, body) = ask(&app, request).await;
        let expected = if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(status, expected, "{origin:?} to {host}: {body}");
    }
}

#[tokio::test]
async fn what_stands_in_front_of_all_routes_refuses_in_the_words_of_each_api() {
    let app = works().for_pages(OWN_PAGE);
    let message = "other web pages may not run programs here: allow one with --cors-origin";
    for (path, expected) in [
        ("/execute", json!({"stdout": "", "stderr": "", "error": message})),
        ("/api/v2/execute", json!({"message": message})),
        ("/api/v1/runs", json!({"reason": "ForeignOrigin", "message": message, "requestId": "a"})),
    ] {
        let headers = [("host", "localhost"), ("origin", "https://evil.example"), ("x-request-id", "a")];
        let (status, _, body) = call(&app, Method::POST, path, &headers, "{}").await;
        assert_eq!((status, body), (403, expected), "{path}");
    }
    let nothing = call(&app, Method::GET, "/api/v2/nothing", &[], "").await;
    assert_eq!((nothing.0, nothing.2), (404, json!({"message": "Not Found"})));
}

/// Asks for a path of runs with further headers.
async fn call(app: &App, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, HeaderMap, Value) {
    let mut request = request(method, path, body.to_owned());
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    let (status, headers, body) = ask(app, request).await;
    (status.as_u16(), headers, serde_json::from_str(&body).unwrap_or(json!(body)))
}

async fn create(app: &App, query: &str, headers: &[(&str, &str)], body: &str) -> (u16, HeaderMap, Value) {
    call(app, Method::POST, &format!("/api/v1/runs{query}"), headers, body).await
}

async fn get(app: &App, path: &str) -> (u16, HeaderMap, Value) {
    call(app, Method::GET, path, &[], "").await
}

#[tokio::test]
async fn a_run_is_taken_with_a_place_to_ask_for_it() {
    let (app, fake) = never_ends();
    for query in ["", "?wait=1ms"] {
        let (status, headers, body) = create(&app, query, &[], PROGRAM).await;
        assert_eq!((status, &body["phase"]), (202, &json!("Running")), "{query}");
        assert_eq!(headers["location"], format!("/api/v1/runs/{}", body["id"].as_str().expect("an id")));
        let (status, _, again) = get(&app, headers["location"].to_str().expect("text")).await;
        assert_eq!((status, again), (200, body));
    }
    assert!(fake.orders().iter().all(|order| order.keep_seconds == 3600));

    let (status, headers, body) = create(&works(), "?wait=10s", &[], PROGRAM).await;
    assert_eq!((status, &body["outcome"]), (200, &json!("Completed")));
    assert_eq!((&body["stdout"], &body["stderrBase64"]), (&json!("out\n"), &json!("ZXJy/w==")));
    assert!(headers.contains_key("location"));
}

#[tokio::test]
async fn a_key_makes_a_request_the_same_and_has_a_form() {
    let (app, fake) = never_ends();
    let (first, _, run) = create(&app, "", &[("idempotency-key", "a-key")], PROGRAM).await;
    let (second, _, again) = create(&app, "", &[("idempotency-key", "a-key")], PROGRAM).await;
    assert_eq!((first, second, &run), (202, 202, &again));
    let (_, _, other) = create(&app, "", &[("idempotency-key", "another")], PROGRAM).await;
    assert_ne!(run["id"], other["id"]);
    let once: Vec<_> = fake.orders().into_iter().filter_map(|order| order.once).collect();
    assert_eq!((&once[0], &once[0].digest), (&once[1], &once[2].digest));
    assert!(once[0].id.len() == 36 && once[0].digest.len() == 64, "{:?}", once[0]);

    let over = works();
    for status in [202, 200] {
        let (answered, _, body) = create(&over, "", &[("idempotency-key", "a-key")], PROGRAM).await;
        // A run that ends as soon as it is taken is over the first time too.
        assert_eq!((answered, body["stdout"].is_null()), (200, status == 202));
    }
    for key in ["", "two words", &"x".repeat(256)] {
        let (status, _, body) = create(&app, "", &[("idempotency-key", key)], PROGRAM).await;
        assert_eq!((status, &body["reason"]), (400, &json!("InvalidIdempotencyKey")), "{key}");
    }
}

#[tokio::test]
async fn each_error_of_a_backend_has_its_status_and_its_reason() {
    for (error, status, retry) in [
        (BackendError::UnknownLanguage("no".into()), 400, None),
        (BackendError::InvalidRequest("no".into()), 400, None),
        (BackendError::NotFound("x".into()), 404, None),
        (BackendError::NoInput("no".into()), 409, None),
        (BackendError::InputMissing { taken: 0 }, 409, None),
        (BackendError::KeyReused, 422, None),
        (BackendError::QueueFull { retry_after_seconds: 7 }, 429, Some("7")),
        (BackendError::InputFull { taken: 3 }, 429, Some("1")),
        (BackendError::RunnerFailed("no".into()), 500, None),
        (BackendError::Unavailable("no".into()), 503, None),
    ] {
        let (answered, headers, body) = create(&app(Err(error.clone())).0, "", &[], PROGRAM).await;
        let id = headers["x-request-id"].to_str().expect("text");
        let mut expected = json!({"reason": error.reason(), "message": error.to_string(), "requestId": id});
        if let Some(taken) = error.taken() {
            expected["taken"] = taken.into();
        }
        assert_eq!((answered, body), (status, expected));
        assert_eq!(headers.get("retry-after").map(|value| value.to_str().expect("text")), retry, "{error}");
    }
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let app = works();
    create(&app, "?wait=1s", &[], PROGRAM).await;
    for path in [
        "/api/v1/runs/run-000?wait=soon",
        "/api/v1/runs/run-000?wait=11m",
        "/api/v1/runs/run-000?wit=1s",
        "/api/v1/runs?limit=0",
        "/api/v1/runs?limit=101",
        "/api/v1/runs?limit=x",
        "/api/v1/runs?limit=1&limit=2",
        "/api/v1/runs?label=team",
        "/api/v1/runs?label==a",
        "/api/v1/runs?label=a%20b=c",
        "/api/v1/runs?label=a=b%2Fc",
        "/api/v1/runs?phase=Sleeping",
        "/api/v1/runs?after=nowhere",
        "/api/v1/runs?page=2",
    ] {
        let (status, _, body) = get(&app, path).await;
        assert_eq!((status, &body["reason"]), (400, &json!("InvalidRequest")), "{path}: {body}");
    }
    for (path, header) in [("?lastEventId=x", None), ("", Some("1-2")), ("?lastEventId=0-0-0", Some("1 2 3"))] {
        let header = header.map(|value| ("last-event-id", value));
        let path = format!("/api/v1/runs/run-000/events{path}");
        let (status, _, body) = call(&app, Method::GET, &path, header.as_slice(), "").await;
        assert_eq!((status, &body["reason"]), (400, &json!("InvalidPosition")), "{path} {header:?}");
    }
}

#[tokio::test]
async fn lists_are_told_in_pages_by_label_and_phase() {
    let app = works();
    for number in 0..5 {
        let body = json!({"language": "python", "code": "", "labels": {"team": if number == 3 { "b" } else { "a" }}});
        create(&app, "", &[], &body.to_string()).await;
    }
    let list = async |query: &str| {
        let (_, _, body) = get(&app, &format!("/api/v1/runs{query}")).await;
        let ids =
            body["runs"].as_array().expect("a list").iter().map(|run| run["id"].as_str().expect("an id").to_owned());
        (ids.collect::<Vec<_>>(), body["next"].as_str().map(str::to_owned))
    };
    let (first, next) = list("?limit=2&label=team=a").await;
    assert_eq!(first, ["run-004", "run-002"]);
    let (rest, next) = list(&format!("?limit=2&label=team=a&after={}", next.expect("there is more"))).await;
    assert_eq!((rest, next), (vec!["run-001".to_owned(), "run-000".to_owned()], None));
    assert_eq!(list("?label=team=a&label=x=y").await.0.len(), 0);
    assert_eq!((list("?phase=Succeeded").await.0.len(), list("?phase=running").await.0.len()), (5, 0));
}

#[tokio::test]
async fn a_run_is_told_as_events_that_can_be_taken_up_again() {
    let state = Told::State(Box::new(Run { phase: Phase::Running, reason: "Running".into(), ..Run::default() }));
    let told = vec![state, Told::Event(Event::Started), Told::Event(Event::Stdout { data: "a\n€".into() })];
    let fake = Fake { told, ..Fake::new(|_| Ok(run(Outcome::Completed))) };
    let app = App::new(Arc::new(fake));
    create(&app, "", &[], PROGRAM).await;
    let events = async |last: Option<&str>| {
        let header = last.map(|last| ("last-event-id", last));
        call(&app, Method::GET, "/api/v1/runs/run-000/events", header.as_slice(), "").await
    };
    let (status, headers, body) = events(None).await;
    assert_eq!((status, &headers["content-type"]), (200, &"text/event-stream".parse().expect("a header")));
    assert_eq!(
        (&headers["cache-control"], &headers["x-accel-buffering"]),
        (&"no-store".parse().expect("a header"), &"no".parse().expect("a header"))
    );
    let body = body.as_str().expect("text").to_owned();
    let blocks: Vec<Vec<&str>> = body.trim().split("\n\n").map(|block| block.lines().collect()).collect();
    assert_eq!(blocks[0][..2], ["id: 0-0-0", "event: state"]);
    assert_eq!(blocks[1], ["id: 0-5-0", "event: stdout", r#"data: {"text":"a\n€"}"#]);
    assert_eq!(blocks[2][..2], ["id: 1-0-0", "event: finished"]);
    let finished: Value = serde_json::from_str(blocks[2][2].strip_prefix("data: ").expect("data")).expect("JSON");
    assert_eq!((&finished["outcome"], &finished["stdout"]), (&json!("Completed"), &Value::Null));

    let (_, _, rest) = events(Some("0-2-0")).await;
    assert!(
        rest.as_str().is_some_and(|rest| rest.starts_with("id: 0-5-0\nevent: stdout\ndata: {\"text\":\"€\"}\n")),
        "{rest}"
    );
    let (_, _, rest) = call(&app, Method::GET, "/api/v1/runs/run-000/events?lastEventId=0-5-0", &[], "").await;
    assert!(rest.as_str().is_some_and(|rest| rest.starts_with("id: 1-0-0\nevent: finished\n")), "{rest}");
    // Whoever has heard all of it is told not to come back.
    assert_eq!(events(Some("1-0-0")).await.0, 204);
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_nothing_to_tell_shows_that_it_is_alive() {
    let (app, _) = never_ends();
    create(&app, "", &[], PROGRAM).await;
    let request = request(Method::GET, "/api/v1/runs/run-000/events", "");
    let response = router(app, AllowOrigin::any()).oneshot(request).await.expect("a router never fails");
    let (mut body, began) = (response.into_body(), tokio::time::Instant::now());
    for beat in 1..=3 {
        let bytes = body.frame().await.expect("it goes on").expect("no error").into_data().expect("data");
        assert!(bytes.starts_with(b":") && bytes.ends_with(b"\n\n"), "a comment, which clients pass over: {bytes:?}");
        assert_eq!(began.elapsed().as_secs(), 15 * beat);
    }
}

#[tokio::test]
async fn nobody_keeps_an_answer_of_the_api() {
    let app = works();
    create(&app, "", &[], PROGRAM).await;
    for (method, path, body) in [
        (Method::POST, "/execute", PROGRAM),
        (Method::POST, "/execute", "{"),
        (Method::POST, "/api/v1/runs", PROGRAM),
        (Method::GET, "/api/v1/runs", ""),
        (Method::GET, "/api/v1/runs/run-000", ""),
        (Method::GET, "/api/v1/runs/none", ""),
        (Method::DELETE, "/api/v1/runs/run-000", ""),
        (Method::GET, "/api/v1/languages", ""),
        (Method::GET, "/readyz", ""),
        (Method::GET, "/nowhere", ""),
        (Method::PUT, "/execute", ""),
    ] {
        let (_, headers, _) = ask(&app, request(method, path, body)).await;
        assert_eq!(headers["cache-control"], "no-store", "{path}");
    }
    let (_, headers, _) = ask(&app, request(Method::GET, "/", "")).await;
    assert_eq!(headers["cache-control"], "no-cache");
}

#[tokio::test]
async fn input_is_passed_on_as_it_was_sent() {
    let (app, fake) = never_ends();
    create(&app, "", &[], PROGRAM).await;
    let send = async |query: &str, body: &str| {
        call(&app, Method::POST, &format!("/api/v1/runs/run-000/stdin{query}"), &[], body).await
    };
    assert_eq!(send("", "ab\n").await.2, json!({"taken": 3}));
    assert_eq!(send("?at=3&end=true", "c").await.2, json!({"taken": 4}));
    let inputs = fake.inputs.lock().expect("not poisoned").clone();
    assert_eq!((inputs[0].data.as_slice(), inputs[0].at, inputs[0].end), (&b"ab\n"[..], None, false));
    assert_eq!((inputs[1].data.as_slice(), inputs[1].at, inputs[1].end), (&b"c"[..], Some(3), true));
    let (status, _, body) = send("", &"x".repeat((64 << 10) + 1)).await;
    assert_eq!((status, &body["reason"]), (413, &json!("BodyTooLarge")));
    for query in ["?end=perhaps", "?at=-1", "?at=1&at=2", "?to=1"] {
        let (status, _, body) = send(query, "").await;
        assert_eq!((status, &body["reason"]), (400, &json!("InvalidRequest")), "{query}: {body}");
    }
}

#[tokio::test]
async fn a_file_is_given_as_it_is_and_can_do_nothing_in_a_browser() {
    let files = [
        ("plot.png", &b"\x89PNG\xff"[..], "image/png"),
        ("out/a.html", b"<b>", "text/html"),
        ("a.bin", b"\0", "application/octet-stream"),
    ];
    let files = files.map(|(name, bytes, kind)| OutputFile::new(name.into(), bytes.to_vec(), kind.into()));
    let left = vec![FileLeft { name: "big.csv".into(), why: "it is too large".into() }];
    let app = app(Ok(Run { files: files.to_vec(), files_left: left, ..run(Outcome::Completed) })).0;
    create(&app, "", &[], PROGRAM).await;
    for (name, kind, place, bytes) in [
        ("plot.png", "image/png", "inline", &b"\x89PNG\xff"[..]),
        ("out/a.html", "text/html; charset=utf-8", "inline", b"<b>"),
        ("a.bin", "application/octet-stream", "attachment", b"\0"),
    ] {
        let request = request(Method::GET, &format!("/api/v1/runs/run-000/files/{name}"), "");
        let response = router(app.clone(), AllowOrigin::any()).oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let text = |name: &str| parts.headers[name].to_str().expect("text").to_owned();
        assert_eq!((parts.status.as_u16(), text("content-type").as_str()), (200, kind));
        assert_eq!((text("content-disposition").as_str(), text("x-content-type-options").as_str()), (place, "nosniff"));
        assert!(text("content-security-policy").starts_with("sandbox; default-src 'none'"), "{parts:?}");
        assert_eq!(body.collect().await.expect("a whole body").to_bytes(), bytes, "{name}");
    }
    for (name, why) in [("big.csv", "too large"), ("other", "not asked for")] {
        let (status, _, body) = get(&app, &format!("/api/v1/runs/run-000/files/{name}")).await;
        assert_eq!(status, 404);
        assert!(body["message"].as_str().is_some_and(|text| text.contains(why)), "{body}");
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_takes_no_runs_and_still_tells_of_them() {
    let app = works();
    create(&app, "", &[], PROGRAM).await;
    app.drain();
    let (status, headers, body) = create(&app, "", &[], PROGRAM).await;
    assert_eq!((status, &body["reason"]), (503, &json!("Draining")));
    assert!(headers.contains_key("retry-after"));
    let (status, headers, body) = execute(&app, PROGRAM).await;
    assert_eq!((status.as_u16(), &body["stdout"]), (503, &json!("")));
    assert!(
        headers.contains_key("retry-after")
            && body["error"].as_str().is_some_and(|text| text.contains("shutting down"))
    );
    assert_eq!(get(&app, "/api/v1/runs/run-000?wait=1s").await.0, 200);
    assert_eq!(get(&app, "/api/v1/runs/run-000/events").await.0, 200);
}

fn header(text: &str) -> HeaderValue {
    text.parse().expect("a header")
}
