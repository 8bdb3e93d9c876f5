//! The document of the HTTP API, held against the real server.

mod common;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{Server, get, send};
use locus_core::RunRequest;
use serde_json::Value;

async fn document(server: &Server) -> Value {
    get(server.address, "/openapi.json").await.json()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("operations");
        item.iter().map(|(method, operation)| (path.clone(), method.to_uppercase(), operation.clone()))
    });
    operations.collect()
}

#[tokio::test]
async fn each_path_answers_to_the_methods_that_it_is_described_with_and_no_other() {
    let server = Server::start(&[]);
    let operations = operations(&document(&server).await);
    let paths: BTreeSet<&String> = operations.iter().map(|(path, ..)| path).collect();
    assert_eq!(paths.len(), 10, "{paths:?}");
    for path in paths {
        let described: BTreeSet<_> =
            operations.iter().filter(|(at, ..)| at == path).map(|(_, method, _)| method.as_str()).collect();
        let url = format!("http://{}{}", server.address, path.replace(['{', '}'], ""));
        let answer = send(Request::patch(url).body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed: Vec<&str> =
            answer.headers.get_all("allow").iter().filter_map(|value| value.to_str().ok()).collect();
        let allowed: BTreeSet<&str> =
            allowed.iter().flat_map(|list| list.split(',')).filter(|method| *method != "HEAD").collect();
        assert_eq!(allowed, described, "{path}");
    }
}

#[test]
fn no_route_is_made_beside_the_document() {
    let source = include_str!("../src/app.rs");
    assert!(!source.contains(".route("), "a route of app.rs is not described");
}

#[tokio::test]
async fn examples_of_requests_are_requests() {
    let server = Server::start(&[]);
    let mut examples = Vec::new();
    for (path, _, operation) in operations(&document(&server).await) {
        let content = &operation["requestBody"]["content"]["application/json"];
        let several = content["examples"].as_object().into_iter().flat_map(|examples| examples.values());
        let of_path = several.map(|example| &example["value"]).chain(content.get("example"));
        examples.extend(of_path.map(|example| (path.clone(), example.clone())));
    }
    assert_eq!(examples.len(), 4, "{examples:?}");
    for (path, example) in examples {
        let request: RunRequest = serde_json::from_value(example).unwrap_or_else(|error| panic!("{path}: {error}"));
        request.sources("main.py").unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[tokio::test]
async fn every_refusal_has_an_example_in_its_own_form() {
    let server = Server::start(&[]);
    for (path, method, operation) in operations(&document(&server).await) {
        let answers = operation["responses"].as_object().expect("answers");
        let needs_key = path.starts_with("/api/") || path == "/execute";
        assert_eq!(answers.contains_key("401"), needs_key, "{method} {path}");
        assert_eq!(answers.contains_key("429"), needs_key, "{method} {path}");
        for (status, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "400" && path != "/readyz") {
            let form = &answer["content"]["application/json"];
            let name = if path == "/execute" { "Output" } else { "ProblemBody" };
            assert_eq!(form["schema"]["$ref"], format!("#/components/schemas/{name}"), "{method} {path} {status}");
            assert!(
                form["examples"].as_object().is_some_and(|examples| !examples.is_empty()),
                "{method} {path} {status}"
            );
            let retry = ["429", "503"].contains(&status.as_str());
            assert_eq!(answer["headers"].get("Retry-After").is_some(), retry, "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn the_page_of_the_document_needs_no_other_server() {
    let server = Server::start(&[]);
    let page = get(server.address, "/docs/").await;
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
    let links = page.body.split('"').filter(|part| part.starts_with("./") || part.contains('.') && !part.contains(' '));
    let links: Vec<&str> = links.collect();
    assert!(links.len() > 4, "{links:?}");
    for link in links {
        assert!(!link.contains("//"), "{link} is somewhere else");
        let path = format!("/docs/{}", link.trim_start_matches("./"));
        let request = Request::head(format!("http://{}{path}", server.address)).body(Body::empty()).expect("a request");
        assert_eq!(send(request).await.status, StatusCode::OK, "{path}");
    }
    assert!(get(server.address, "/docs/swagger-initializer.js").await.body.contains("/openapi.json"));
}
