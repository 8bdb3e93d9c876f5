//! Label selectors, as far as equality and existence go.

use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub struct Selector(String);

impl Selector {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.0.split(',').filter(|part| !part.is_empty()).all(|part| match part.split_once('=') {
            Some((name, value)) => match name.strip_suffix('!') {
                Some(name) => labels[name] != value,
                None => labels[name] == value.trim_start_matches('='),
            },
            None => match part.strip_prefix('!') {
                Some(name) => labels[name].is_null(),
                None => !labels[part].is_null(),
            },
        })
    }
}
