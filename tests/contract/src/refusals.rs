//! Requests that can't be, each answered with what is wrong and what to do.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, python, with};

crate::table![
    broken_json_is_told_with_line_and_column,
    an_unknown_field_is_told_with_the_one_that_was_meant,
    a_request_that_can_not_be_run_is_told_why,
    an_unknown_language_is_told_with_the_known_ones,
    a_body_that_is_too_large_is_refused,
    a_wait_that_can_not_be_is_refused,
    methods_that_a_path_does_not_have_are_refused,
    a_callback_to_a_private_address_is_refused,
    labels_that_a_cluster_would_not_take_are_refused,
];

const RUNS: &str = "/api/v1/runs";

async fn broken_json_is_told_with_line_and_column(api: Api) {
    for body in ["{\n  \"language\": \"python\",\n  oops", "", "[", "{\"language\": \"python\"} x"] {
        let message = api.post(RUNS, body).await.refused(400, "InvalidJson");
        assert!(body.is_empty() || message.contains("line") && message.contains("column"), "{body}: {message}");
    }
    let message = api.post(RUNS, "{\n  \"language\": \"python\",\n  oops").await.refused(400, "InvalidJson");
    assert!(message.contains("line 3 column 3"), "{message}");
    let message = api.post(RUNS, r#"{"language": 7, "code": ""}"#).await;
    assert_eq!(message.status, 400, "{}", message.text());
    assert!(message.text().contains("line 1 column"), "{}", message.text());
}

async fn an_unknown_field_is_told_with_the_one_that_was_meant(api: Api) {
    let message = api.post(RUNS, r#"{"lenguage": "python", "code": ""}"#).await.refused(400, "UnknownField");
    assert!(
        ["`lenguage`", "line 1 column", "did you mean `language`"].iter().all(|part| message.contains(part)),
        "{message}"
    );
    let inner = with(python(""), json!({"limits": {"timeoutSecond": 1}}));
    let message = api.post(RUNS, inner.to_string()).await.refused(400, "UnknownField");
    assert!(message.contains("`timeoutSeconds`"), "{message}");
    let far = api.post(RUNS, r#"{"xyzzy": 1}"#).await.refused(400, "UnknownField");
    assert!(far.contains("`xyzzy`") && !far.contains("did you mean"), "{far}");
}

async fn refuses(api: &Api, request: Value, reason: &str, part: &str) {
    let message = api.post(RUNS, request.to_string()).await.refused(400, reason);
    assert!(message.contains(part), "{request}: {message}");
}

async fn a_request_that_can_not_be_run_is_told_why(api: Api) {
    for (request, part) in [
        (json!({"language": "python"}), "code"),
        (with(python(""), json!({"files": [{"name": "a", "content": ""}]})), "code"),
        (json!({"language": "python", "files": [{"name": "../a", "content": ""}]}), "../a"),
        (json!({"language": "python", "files": [{"name": "a", "content": "?", "encoding": "base64"}]}), "base64"),
        (with(python(""), json!({"args": ["\0"]})), "NUL"),
        (with(python(""), json!({"env": [{"name": "A=B", "value": ""}]})), "A=B"),
        (with(python(""), json!({"limits": {"timeoutSeconds": 0}})), "timeoutSeconds"),
        (with(python(""), json!({"outputFiles": ["/etc/passwd"]})), "/etc/passwd"),
        (with(python(""), json!({"callback": "ftp://example.org"})), "ftp://example.org"),
    ] {
        refuses(&api, request, "InvalidRequest", part).await;
    }
}

async fn an_unknown_language_is_told_with_the_known_ones(api: Api) {
    let request = json!({"language": "klingon", "code": ""});
    for part in ["klingon", "python"] {
        refuses(&api, request.clone(), "UnknownLanguage", part).await;
    }
}

async fn a_body_that_is_too_large_is_refused(api: Api) {
    let large = python(&"#".repeat(300 << 10));
    refuses(&api, large, "InvalidRequest", "262144").await;
    let larger = python(&"#".repeat(2 << 20)).to_string();
    assert!(!api.post(RUNS, larger).await.refused(413, "BodyTooLarge").is_empty());
}

async fn a_wait_that_can_not_be_is_refused(api: Api) {
    for wait in ["", "soon", "30", "-1s", "11m", "1h"] {
        let message =
            api.post(&format!("{RUNS}?wait={wait}"), python("").to_string()).await.refused(400, "InvalidRequest");
        assert!(message.contains("wait"), "{wait}: {message}");
    }
}

async fn methods_that_a_path_does_not_have_are_refused(api: Api) {
    for (method, path) in [
        (Method::PUT, RUNS),
        (Method::DELETE, RUNS),
        (Method::POST, "/api/v1/languages"),
        (Method::GET, "/execute"),
        (Method::PATCH, "/api/v1/runs/x"),
        (Method::POST, "/api/v1/runs/x/events"),
    ] {
        let answer = api.send(api.request(method.clone(), path)).await;
        assert!(!answer.refused(405, "MethodNotAllowed").is_empty(), "{method} {path}");
        assert!(!answer.header("allow").is_empty(), "{method} {path}: {:?}", answer.headers);
    }
    assert!(!api.get("/api/v1/nothing").await.refused(404, "NotFound").is_empty());
}

async fn a_callback_to_a_private_address_is_refused(api: Api) {
    for host in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[fd00::1]", "100.64.0.1"] {
        let request = with(python(""), json!({"callback": format!("http://{host}/done")}));
        refuses(&api, request, "InvalidRequest", "callback").await;
    }
}

async fn labels_that_a_cluster_would_not_take_are_refused(api: Api) {
    for (name, value) in [("a b", "c"), ("a", "b c"), ("", "a"), ("locus.dev/client", "me"), ("a", &"v".repeat(64))] {
        refuses(&api, with(python(""), json!({"labels": {name: value}})), "InvalidRequest", "label").await;
    }
}
