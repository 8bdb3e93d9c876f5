//! What lies around runs: languages, the description of the API, and the oldest route.

use reqwest::Method;
use serde_json::json;

use crate::api::{Api, python, with};

crate::table![
    languages_tell_what_is_needed_to_choose_one,
    the_api_describes_itself,
    the_server_tells_how_it_is,
    execute_answers_with_three_texts,
    execute_refuses_in_its_own_form,
    other_pages_are_told_what_they_may_ask,
];

async fn languages_tell_what_is_needed_to_choose_one(api: Api) {
    let list = api.get("/api/v1/languages").await.with(200);
    let languages = list["languages"].as_array().expect("a list");
    let python = languages.iter().find(|language| language["selector"] == "python").expect("python is there");
    for field in ["id", "name", "version", "fileName", "example"] {
        assert!(python[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {python}");
    }
    assert!(python["aliases"].as_array().is_some_and(|aliases| aliases.contains(&json!("py"))), "{python}");
}

async fn the_api_describes_itself(api: Api) {
    let description = api.get("/openapi.json").await.with(200);
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{description}");
    let paths = description["paths"].as_object().expect("paths");
    for (path, methods) in [
        ("/api/v1/runs", &["get", "post"][..]),
        ("/api/v1/runs/{id}", &["get", "delete"]),
        ("/api/v1/runs/{id}/events", &["get"]),
        ("/api/v1/runs/{id}/stdin", &["post"]),
        ("/api/v1/languages", &["get"]),
        ("/execute", &["post"]),
    ] {
        for method in methods {
            assert!(paths.get(path).is_some_and(|path| path.get(method).is_some()), "{method} {path} is not described");
        }
    }
    let docs = api.get("/docs").await;
    assert!(docs.status == 200 && docs.header("content-type").starts_with("text/html"), "{}", docs.text());
}

async fn the_server_tells_how_it_is(api: Api) {
    for path in ["/healthz", "/readyz"] {
        assert_eq!(api.get(path).await.status, 200, "{path}");
    }
}

async fn execute_answers_with_three_texts(api: Api) {
    let code = "import sys; print('out'); print('err', file=sys.stderr)";
    let answer = api.post("/execute", python(code).to_string()).await.with(200);
    assert_eq!(answer, json!({"stdout": "out\n", "stderr": "err\n", "error": ""}));
    let failed = api.post("/execute", python("print(1); raise SystemExit(3)").to_string()).await.with(200);
    assert_eq!((&failed["stdout"], failed.as_object().map(serde_json::Map::len)), (&json!("1\n"), Some(3)));
    assert!(failed["error"].as_str().is_some_and(|error| error.contains('3')), "{failed}");
}

async fn execute_refuses_in_its_own_form(api: Api) {
    for body in
        ["{", r#"{"language": "klingon", "code": ""}"#, r#"{"language": "python"}"#, r#"{"lenguage": "python"}"#]
    {
        let answer = api.post("/execute", body).await.with(400);
        let error = answer["error"].as_str().expect("a sentence");
        assert!(!error.is_empty());
        assert_eq!(answer, json!({"stdout": "", "stderr": "", "error": error}));
    }
    let tests = with(python(""), json!({"tests": [{"stdin": ""}]}));
    let answer = api.post("/execute", tests.to_string()).await;
    assert!(matches!(answer.status.as_u16(), 200 | 400), "{}", answer.text());
}

async fn other_pages_are_told_what_they_may_ask(api: Api) {
    let request = api
        .request(Method::OPTIONS, "/api/v1/runs")
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key,last-event-id");
    let answer = api.send(request).await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let methods = answer.header("access-control-allow-methods").to_uppercase();
    assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
    let headers = answer.header("access-control-allow-headers").to_lowercase();
    for header in ["authorization", "content-type", "idempotency-key", "last-event-id"] {
        assert!(headers.contains(header), "{headers}");
    }
    assert!(answer.header("access-control-allow-credentials").is_empty(), "{:?}", answer.headers);
}
