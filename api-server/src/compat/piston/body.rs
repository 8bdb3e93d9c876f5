//! Reading a request's body as Express does for Piston.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::js;
use super::refusal::Refusal;
use crate::body::{self, BODY_BYTES_MAX};

const KIND: &str = "application/json";
/// What begins a text whose bytes are in one order or the other.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The JSON of a request, which is an object or a list; one without a body has sent an empty object.
///
/// # Errors
/// It can't be read, or is said to be something else.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let value = parsed(headers, body).await?;
    if is_json(headers) { Ok(value) } else { Err(Refusal::NotJson) }
}

/// Whether a request says that it sends JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    content_type(headers).starts_with(KIND)
}

async fn parsed(headers: &HeaderMap, body: Body) -> Result<Value, Refusal> {
    let nothing = Ok(json!({}));
    let (kind, parameters) = content_type(headers).split_once(';').unwrap_or((content_type(headers), ""));
    let has_body = headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    if !kind.trim().eq_ignore_ascii_case(KIND) || !has_body {
        return nothing;
    }
    let unsupported = |what| Err(Refusal::Unreadable(format!("UnsupportedMediaTypeError: unsupported {what}")));
    let charset = charset(parameters);
    if let Some(charset) = charset.filter(|charset| charset != "UTF-8") {
        return unsupported(format!("charset {charset:?}"));
    }
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|coding| coding.to_str().ok()).unwrap_or_default();
    if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
        return unsupported(format!("content encoding {:?}", coding.to_ascii_lowercase()));
    }
    let bytes = body::bytes(body, BODY_BYTES_MAX).await?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    if text.is_empty() {
        return nothing;
    }
    let failed =
        |message: String| Err(Refusal::Unreadable(format!("SyntaxError: {message}\n    at JSON.parse (<anonymous>)")));
    let first = text.trim_start_matches(['\x20', '\x09', '\x0a', '\x0d']).chars().next();
    match first {
        Some('{' | '[') => match serde_json::from_str(text) {
            Ok(value) => Ok(value),
            Err(error) => failed(js::syntax_error(text, &error)),
        },
        Some(other) => {
            let before = text.split(other).next().unwrap_or_default();
            failed(format!("Unexpected token {other} in JSON at position {}", before.len()))
        }
        None => failed("Unexpected token undefined in JSON at position 0".to_owned()),
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// The charset among the parameters of a content type, in capitals.
fn charset(parameters: &str) -> Option<String> {
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(value.trim().trim_matches('"').to_ascii_uppercase())
}
