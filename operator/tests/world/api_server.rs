//! The API server's HTTP: from a request to what the store says. Watches are in [`super::watch`].

use std::collections::HashMap;

use axum::extract::Query;
use http::{Method, Uri};
use serde_json::{Value, json};

use super::selector::Selector;
use super::store::{Key, Refusal, Store};

/// What a request is about.
#[derive(Debug, Clone)]
pub struct Target {
    pub plural: String,
    /// None for all namespaces.
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
    pub query: HashMap<String, String>,
}

impl Target {
    pub fn of(uri: &Uri) -> Self {
        let query = Query::<HashMap<String, String>>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty()).map(str::to_owned).peekable();
        // /api/v1 or /apis/group/version
        let before = if parts.peek().is_some_and(|root| root == "api") { 2 } else { 3 };
        let mut parts = parts.skip(before).peekable();
        let namespace = parts.next_if(|part| part == "namespaces").and_then(|_| parts.next());
        Self {
            plural: parts.next().unwrap_or_default(),
            namespace,
            name: parts.next(),
            subresource: parts.next(),
            query,
        }
    }

    pub fn is_watch(&self) -> bool {
        self.query.get("watch").is_some_and(|watch| watch == "true" || watch == "1")
    }

    pub fn selector(&self) -> Selector {
        Selector::new(self.query.get("labelSelector").map_or("", String::as_str))
    }

    fn key(&self) -> Key {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        Key::new(&self.plural, namespace, self.name.as_deref().unwrap_or_default())
    }
}

/// Answers a request that is not a watch.
pub fn answer(store: &Store, by: &str, method: &Method, target: &Target, body: &Value) -> (u16, String) {
    let namespace = target.namespace.as_deref();
    let answer = match (method.as_str(), target.name.is_some()) {
        ("GET", true) => store.get(&target.key()).map(|object| (200, object.json.clone())),
        ("GET", false) => Ok((200, list(store, target))),
        ("POST", false) => store
            .create(by, &target.plural, namespace.unwrap_or_default(), body.clone())
            .map(|object| (201, object.json.clone())),
        ("PATCH", true) => {
            let status = target.subresource.as_deref() == Some("status");
            store.patch(by, &target.key(), status, body).map(|object| (200, object.json.clone()))
        }
        ("DELETE", true) => store.delete(by, &target.key(), body).map(|object| (200, object.json.clone())),
        _ => Err(Refusal::new(405, "MethodNotAllowed", format!("{method} {target:?}"))),
    };
    answer.unwrap_or_else(|refusal| (refusal.code, refusal.status().to_string()))
}

fn list(store: &Store, target: &Target) -> String {
    let (objects, version) = store.list(&target.plural, target.namespace.as_deref(), &target.selector());
    let items: Vec<&str> = objects.iter().map(|object| object.json.as_str()).collect();
    let metadata = json!({"resourceVersion": version.to_string()});
    format!(r#"{{"apiVersion":"v1","kind":"List","metadata":{metadata},"items":[{}]}}"#, items.join(","))
}
