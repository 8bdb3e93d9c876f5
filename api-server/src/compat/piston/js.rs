//! What JavaScript makes of values of a kind that nobody expected.

use serde_json::Value;

/// Whether a value counts as one that was given.
#[must_use]
pub fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A value as text.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(value) => value.as_f64().map(number).unwrap_or_default(),
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Array(items) => {
            let item = |item: &Value| if item.is_null() { String::new() } else { text(item) };
            items.iter().map(item).collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

/// A number as text: a whole one is one, however it was written, and very large and small ones have an exponent.
fn number(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    if number.abs() < 1.0 { text } else { text.replace('e', "e+") }
}

/// What the parser of JSON says of a text that is none, in the words of Node.js 15.
#[must_use]
pub fn syntax_error(json: &str, error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "Unexpected end of JSON input".to_owned();
    }
    let line: usize = json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut at = (line + error.column().saturating_sub(1)).min(json.len());
    while !json.is_char_boundary(at) {
        at -= 1;
    }
    unexpected(json, at)
}

/// The same of the character at a place.
#[must_use]
pub fn unexpected(json: &str, at: usize) -> String {
    let position = json[..at].encode_utf16().count();
    let what = match json[at..].chars().next() {
        None => return "Unexpected end of JSON input".to_owned(),
        Some('"') => "string".to_owned(),
        Some('0'..='9' | '-') => "number".to_owned(),
        Some(other) => format!("token {other}"),
    };
    format!("Unexpected {what} in JSON at position {position}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{is_truthy, syntax_error, text};

    #[test]
    fn values_become_text_as_in_javascript() {
        for (value, expected) in [
            (json!("a"), "a"),
            (json!(1), "1"),
            (json!(1.0), "1"),
            (json!(1.5), "1.5"),
            (json!(-0.0), "0"),
            (json!(1e20), "100000000000000000000"),
            (json!(u64::MAX), "18446744073709552000"),
            (json!(1e21), "1e+21"),
            (json!(-1.25e300), "-1.25e+300"),
            (json!(0.000_001), "0.000001"),
            (json!(0.000_000_15), "1.5e-7"),
            (json!(-1.5e-9), "-1.5e-9"),
            (json!(5e-324), "5e-324"),
            (json!(null), "null"),
            (json!(true), "true"),
            (json!([1, [2, "x"], null]), "1,2,x,"),
            (json!({"a": 1}), "[object Object]"),
        ] {
            assert_eq!(text(&value), expected, "{value}");
        }
    }

    #[test]
    fn nothing_zero_and_no_text_are_not_given() {
        for (value, expected) in [
            (json!(null), false),
            (json!(0), false),
            (json!(0.0), false),
            (json!(""), false),
            (json!(false), false),
            (json!(-1), true),
            (json!("0"), true),
            (json!([]), true),
            (json!({}), true),
        ] {
            assert_eq!(is_truthy(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_as_node_tells_it() {
        for (json, expected) in [
            ("{", "Unexpected end of JSON input"),
            ("[1,", "Unexpected end of JSON input"),
            ("{\"a\": x}", "Unexpected token x in JSON at position 6"),
            ("{\"a\"; 1}", "Unexpected token ; in JSON at position 4"),
            ("{a: 1}", "Unexpected token a in JSON at position 1"),
            ("{\"a\": 1,}", "Unexpected token } in JSON at position 8"),
            ("{\"a\": 1} x", "Unexpected token x in JSON at position 9"),
            ("{\"a\": 1} \"x\"", "Unexpected string in JSON at position 9"),
            ("{\"a\" 1}", "Unexpected number in JSON at position 5"),
            ("{\n \"ä\": x}", "Unexpected token x in JSON at position 8"),
        ] {
            let error = serde_json::from_str::<Value>(json).expect_err("it is none");
            assert_eq!(syntax_error(json, &error), expected, "{json}");
        }
    }
}
