//! What a parameter means as an attribute of a type. Judge0's model takes nearly anything for nearly everything.

use serde_json::Value;

/// Text; lists and objects are none.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("t".to_owned()),
        Value::Bool(false) => Some("f".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number: the digits that a text begins with, the whole part of a fraction.
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(leading_digits(text.trim_start())),
        Value::Number(number) => Some(number.as_i64().unwrap_or_else(|| whole(number.as_f64().unwrap_or_default()))),
        Value::Bool(is) => Some(i64::from(*is)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A switch. All but a few words for no are a yes.
pub fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(!matches!(text.as_str(), "0" | "f" | "F" | "false" | "FALSE" | "off" | "OFF")),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::Bool(is) => Some(*is),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A number as its limits are checked: nothing but a whole numeral is one.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim();
            let is_numeral = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            text.parse().ok().filter(|_| is_numeral)
        }
        _ => None,
    }
}

/// Whether a parameter says nothing, so that the default stands.
pub fn is_absent(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

/// The whole part of a number, or the nearest one that there is.
pub fn whole(number: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a cast stays within the type's bounds")]
    let whole = number as i64;
    whole
}

fn leading_digits(text: &str) -> i64 {
    let signed = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - signed.len();
    let end = signed.find(|c: char| !c.is_ascii_digit()).unwrap_or(signed.len());
    let nearest = match (end, text.starts_with('-')) {
        (0, _) => 0,
        (_, true) => i64::MIN,
        (_, false) => i64::MAX,
    };
    text[..sign + end].parse().unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{boolean, integer, number, text};

    #[test]
    fn a_value_is_read_as_what_is_wanted() {
        type Row = (Value, Option<&'static str>, Option<i64>, Option<bool>, Option<f64>);
        let table: [Row; 16] = [
            (json!("71"), Some("71"), Some(71), Some(true), Some(71.0)),
            (json!("71abc"), Some("71abc"), Some(71), Some(true), None),
            (json!("abc"), Some("abc"), Some(0), Some(true), None),
            (json!("-3"), Some("-3"), Some(-3), Some(true), Some(-3.0)),
            (json!("+3x"), Some("+3x"), Some(3), Some(true), None),
            (json!("-"), Some("-"), Some(0), Some(true), None),
            (json!(""), Some(""), None, None, None),
            (json!("1.5"), Some("1.5"), Some(1), Some(true), Some(1.5)),
            (json!("inf"), Some("inf"), Some(0), Some(true), None),
            (json!("off"), Some("off"), Some(0), Some(false), None),
            (json!(71.9), Some("71.9"), Some(71), Some(true), Some(71.9)),
            (json!(0), Some("0"), Some(0), Some(false), Some(0.0)),
            (json!(true), Some("t"), Some(1), Some(true), None),
            (json!(null), None, None, None, None),
            (json!([1]), None, None, None, None),
            (json!({"a": 1}), None, None, None, None),
        ];
        for (value, as_text, as_integer, as_boolean, as_number) in table {
            assert_eq!(text(&value).as_deref(), as_text, "{value}");
            assert_eq!(integer(&value), as_integer, "{value}");
            assert_eq!(boolean(&value), as_boolean, "{value}");
            assert_eq!(number(&value), as_number, "{value}");
        }
    }

    #[test]
    fn a_number_beyond_all_is_the_nearest_one() {
        let digits = "9".repeat(20);
        assert_eq!(integer(&json!(digits)), Some(i64::MAX));
        assert_eq!(integer(&json!(format!("-{digits}x"))), Some(i64::MIN));
    }
}
