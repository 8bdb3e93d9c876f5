//! The routes, in front of a backend that runs nothing.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http_body_util::BodyExt as _;
use locus_api_server::app::{App, router};
use locus_api_server::backend::{Backend, BackendError, Execution, LanguageInfo};
use locus_core::{Outcome, RunRequest};
use locus_languages::Language;
use locus_runner::sandbox::{Isolation, Layer, SandboxReport};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_http::cors::AllowOrigin;

/// A backend that answers as it is told and keeps what it was asked.
struct Fake {
    answer: Result<Execution, BackendError>,
    sandbox: SandboxReport,
    asked: Mutex<Vec<RunRequest>>,
}

impl Backend for Fake {
    fn languages(&self) -> Vec<LanguageInfo> {
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
        vec![LanguageInfo::from(&old)]
    }

    fn execute(&self, request: RunRequest) -> BoxFuture<'_, Result<Execution, BackendError>> {
        self.asked.lock().expect("not poisoned").push(request);
        std::future::ready(self.answer.clone()).boxed()
    }

    fn ready(&self) -> Result<(), BackendError> {
        self.answer.clone().map(drop)
    }

    fn name(&self) -> &'static str {
        "fake"
    }

    fn sandbox(&self) -> Option<&SandboxReport> {
        Some(&self.sandbox)
    }
}

fn app(answer: Result<Execution, BackendError>) -> (App, Arc<Fake>) {
    let layer = Layer { name: "seccomp".into(), in_force: true, detail: "a filter".into() };
    let sandbox = SandboxReport { isolation: Some(Isolation::Namespaces), layers: vec![layer], weakness: None };
    let fake = Arc::new(Fake { answer, sandbox, asked: Mutex::default() });
    (App::new(fake.clone()), fake)
}

fn execution(outcome: Outcome) -> Execution {
    Execution { outcome, stdout: b"out\n".to_vec(), stderr: b"err\xff".to_vec(), error: String::new() }
}

fn works() -> App {
    app(Ok(execution(Outcome::Completed))).0
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
        let failed = Execution { error: "it failed".into(), ..execution(outcome) };
        let (status, _, body) = execute(&app(Ok(failed)).0, PROGRAM).await;
        assert_eq!((status, &body["error"]), (StatusCode::OK, &json!("it failed")), "{outcome}");
    }
}

#[tokio::test]
async fn a_platform_that_fails_is_an_error_of_the_server() {
    let lost = Execution { error: "the node is gone".into(), ..execution(Outcome::NodeLost) };
    let (status, _, body) = execute(&app(Ok(lost)).0, PROGRAM).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body["error"], "the node is gone");
}

#[tokio::test]
async fn the_whole_request_reaches_the_backend() {
    let (app, fake) = app(Ok(execution(Outcome::Completed)));
    let body = json!({"language": "python", "files": [{"name": "a.py", "content": ""}], "stdin": "in", "args": ["a"],
        "env": [{"name": "A", "value": "b"}], "compileArgs": ["-O"], "limits": {"timeoutSeconds": 3}});
    assert_eq!(execute(&app, &body.to_string()).await.0, StatusCode::OK);
    let asked = fake.asked.lock().expect("not poisoned").pop().expect("it was asked");
    assert_eq!(serde_json::to_value(&asked).expect("it serializes"), {
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
        (r#"{"language": 3, "code": ""}"#, "expected a string"),
        (r#"{"language": "python", "cod": ""}"#, "unknown field `cod`"),
        (r#"{"language": "python", "code": "", "limits": {"seconds": 1}}"#, "unknown field `seconds`"),
        (r#"{"language": "python", "code": "", "limits": {"timeoutSeconds": 0}}"#, "limits.timeoutSeconds"),
        (r#"{"language": "python", "code": "", "limits": {"timeoutSeconds": -1}}"#, "-1"),
        (r#"{"language": "python", "code": ""} {}"#, "trailing characters"),
    ] {
        let (app, fake) = app(Ok(execution(Outcome::Completed)));
        let (status, _, answer) = execute(&app, body).await;
        let error = answer["error"].as_str().expect("text").to_owned();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(error.contains(part), "{body}: {error}");
        assert_eq!(answer, json!({"stdout": "", "stderr": "", "error": error}), "{body}");
        assert!(fake.asked.lock().expect("not poisoned").is_empty(), "{body}");
    }
}

#[tokio::test]
async fn each_error_of_a_backend_has_its_status() {
    for (error, status) in [
        (BackendError::UnknownLanguage("no".into()), 400),
        (BackendError::InvalidRequest("no".into()), 400),
        (BackendError::QueueFull { retry_after_seconds: 7 }, 429),
        (BackendError::Unavailable("no".into()), 503),
        (BackendError::NoResult { seconds: 9 }, 504),
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
    let body = |code: usize| json!({"language": "python", "code": "x".repeat(code)}).to_string();
    let frame = body(0).len();
    assert_eq!(execute(&works(), &body((1 << 20) - frame)).await.0, StatusCode::OK);
    let (status, _, answer) = execute(&works(), &body((1 << 20) - frame + 1)).await;
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
async fn a_wrong_path_or_method_is_told_in_json() {
    for (method, path, status, reason) in [
        (Method::GET, "/nowhere", 404, "NotFound"),
        (Method::POST, "/execute/", 404, "NotFound"),
        (Method::GET, "/execute", 405, "MethodNotAllowed"),
        (Method::DELETE, "/", 405, "MethodNotAllowed"),
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
    assert!(headers["access-control-allow-methods"].to_str().is_ok_and(|list| list.contains("POST")));
    assert!(headers["access-control-allow-headers"].to_str().is_ok_and(|list| list.contains("content-type")));

    let mut call = request(Method::POST, "/execute", PROGRAM);
    call.headers_mut().insert("origin", "https://school.example".parse().expect("a header"));
    let (_, headers, _) = ask(&works(), call).await;
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(headers["access-control-expose-headers"].to_str().is_ok_and(|list| list.contains("x-request-id")));
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
    for (path, kind) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")] {
        let (status, headers, body) = ask(&works(), request(Method::GET, path, "")).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(headers["content-type"].to_str().is_ok_and(|value| value.starts_with(kind)), "{path}");
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(
            (&headers["x-content-type-options"], &headers["referrer-policy"]),
            (&"nosniff".parse().expect("a header"), &"no-referrer".parse().expect("a header"))
        );
        for unsafe_part in ["innerHTML", "style=", "onclick", "<script>", "document.write"] {
            assert!(!body.contains(unsafe_part), "{unsafe_part} stands in {path}");
        }
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
    let app = works().for_its_own_page_only();
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
