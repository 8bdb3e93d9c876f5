//! The APIs of others, held to tables of what they answer: requests in a file, each with the status, the headers that
//! matter and the body, in which placeholders stand for what differs each time.
//!
//! A case is a list of steps. What a step `saves` of its answer stands in later ones as `${name}`; one that is `polled` is
//! asked again until the answer fits. In a body `<uuid>`, `<time>`, `<decimal>`, `<integer>`, `<text>` and `<any>` stand for
//! values, and `<has: ...>` for text with something in it.

use std::collections::BTreeMap;
use std::time::Duration;

use libtest_mimic::Trial;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::api::{Answer, Api, pause};
use crate::{Base, on_server};

/// How often a step is asked again, a tenth of a second apart.
const POLLS: u32 = 1200;

/// What is asked of a server, one after the other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// A sentence.
    name: String,
    /// A path that has to answer with 200, or else the case can't be tried on this server.
    #[serde(default)]
    needs: Option<String>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// The method and the path.
    ask: String,
    #[serde(default)]
    send: BTreeMap<String, String>,
    /// A body as JSON.
    #[serde(default)]
    json: Option<Value>,
    /// A body as it is.
    #[serde(default)]
    raw: Option<String>,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// All of the body as JSON.
    #[serde(default)]
    body: Option<Value>,
    /// Parts of the body, by their JSON pointers.
    #[serde(default)]
    parts: BTreeMap<String, Value>,
    /// All of the body as text.
    #[serde(default)]
    text: Option<String>,
    /// Parts of the body that later steps name.
    #[serde(default)]
    saves: BTreeMap<String, String>,
    #[serde(default)]
    polled: bool,
}

/// The cases of a table, each a test.
///
/// # Panics
/// The table is none.
#[must_use]
pub fn trials(base: &Base, table: &str, of: &str) -> Vec<Trial> {
    let cases: Vec<Case> = serde_yaml::from_str(table).unwrap_or_else(|error| panic!("the table of {of}: {error}"));
    let trial = |case: Case| {
        let (name, base) = (format!("{of}: {}", case.name), base.clone());
        Trial::test(name, move || on_server(&base, async |api| tried(&api, &case).await))
    };
    cases.into_iter().map(trial).collect()
}

async fn tried(api: &Api, case: &Case) {
    if let Some(path) = &case.needs
        && api.get(path).await.status != 200
    {
        println!("NOT TRIED: {}: this server has no {path}", case.name);
        return;
    }
    let mut saved = BTreeMap::new();
    for step in &case.steps {
        let answer = asked(api, step, &saved).await;
        for (name, pointer) in &step.saves {
            let value = answer.json().pointer(pointer).cloned();
            let value = value.unwrap_or_else(|| panic!("no {pointer} in {}", answer.text()));
            saved.insert(name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
}

async fn asked(api: &Api, step: &Step, saved: &BTreeMap<String, String>) -> Answer {
    let mut polls = 0;
    loop {
        let answer = sent(api, step, saved).await;
        match differs(step, saved, &answer) {
            None => return answer,
            Some(_) if step.polled && polls < POLLS => polls += 1,
            Some(why) => panic!("{}: {why}\n{}", step.ask, answer.text()),
        }
        pause(100).await;
    }
}

async fn sent(api: &Api, step: &Step, saved: &BTreeMap<String, String>) -> Answer {
    let (method, path) = step.ask.split_once(' ').expect("a method and a path");
    let method: Method = method.parse().expect("a method");
    let mut request = api.request(method, &filled(path, saved)).timeout(Duration::from_secs(120));
    let body = step.json.as_ref().map(Value::to_string).or_else(|| step.raw.clone());
    if step.json.is_some() && !step.send.contains_key("content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in &step.send {
        request = request.header(name, filled(value, saved));
    }
    if let Some(body) = body {
        request = request.body(filled(&body, saved));
    }
    api.send(request).await
}

fn filled(text: &str, saved: &BTreeMap<String, String>) -> String {
    saved.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

/// What is not as the table says.
fn differs(step: &Step, saved: &BTreeMap<String, String>, answer: &Answer) -> Option<String> {
    if answer.status.as_u16() != step.status {
        return Some(format!("the status is not {}", step.status));
    }
    for (name, value) in &step.headers {
        if answer.header(name) != value {
            return Some(format!("the header {name} is {:?} and not {value:?}", answer.header(name)));
        }
    }
    if let Some(text) = &step.text
        && answer.body != text.as_bytes()
    {
        return Some(format!("the body is not {text:?}"));
    }
    if step.body.is_none() && step.parts.is_empty() {
        return None;
    }
    let Ok(found) = serde_json::from_slice::<Value>(&answer.body) else { return Some("the body is no JSON".into()) };
    let whole = step.body.iter().find_map(|wanted| value_differs(wanted, &found, saved, ""));
    whole.or_else(|| {
        step.parts.iter().find_map(|(pointer, wanted)| match found.pointer(pointer) {
            Some(found) => value_differs(wanted, found, saved, pointer),
            None => Some(format!("there is no {pointer}")),
        })
    })
}

fn value_differs(wanted: &Value, found: &Value, saved: &BTreeMap<String, String>, at: &str) -> Option<String> {
    let fits = match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            if names(wanted) != names(found) {
                return Some(format!("{at:?} has {:?} and not {:?}", names(found), names(wanted)));
            }
            return wanted
                .iter()
                .find_map(|(name, wanted)| value_differs(wanted, &found[name], saved, &format!("{at}/{name}")));
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            return pairs
                .find_map(|(index, (wanted, found))| value_differs(wanted, found, saved, &format!("{at}/{index}")));
        }
        (Value::String(wanted), found) => stands_for(&filled(wanted, saved), found),
        (wanted, found) => wanted == found,
    };
    (!fits).then(|| format!("{at:?} is {found} and not {wanted}"))
}

fn stands_for(wanted: &str, found: &Value) -> bool {
    let text = found.as_str();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match wanted {
        "<any>" => true,
        "<text>" => text.is_some_and(|text| !text.is_empty()),
        "<integer>" => found.is_u64(),
        "<number>" => found.is_number(),
        "<decimal>" => {
            text.and_then(|text| text.split_once('.')).is_some_and(|(whole, part)| digits(whole) && digits(part))
        }
        "<uuid>" => text.is_some_and(|text| text.len() == 36 && text.split('-').count() == 5),
        "<time>" => text.is_some_and(|text| {
            let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            shape == "0000-00-00T00:00:00.000Z"
        }),
        wanted => match wanted.strip_prefix("<has: ").and_then(|rest| rest.strip_suffix('>')) {
            Some(part) => text.is_some_and(|text| text.contains(part)),
            None => text == Some(wanted),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::value_differs;

    #[test]
    fn a_placeholder_stands_for_values_of_its_kind_alone() {
        let saved = BTreeMap::from([("token".to_owned(), "abc".to_owned())]);
        let fits = |wanted, found| value_differs(&wanted, &found, &saved, "").is_none();
        for (wanted, right, wrong) in [
            ("<any>", json!(null), None),
            ("<text>", json!("a"), Some(json!(""))),
            ("<integer>", json!(3), Some(json!(3.5))),
            ("<number>", json!(3.5), Some(json!("3"))),
            ("<decimal>", json!("0.012"), Some(json!("1"))),
            ("<uuid>", json!("d85cd024-1548-4165-96c7-7bc88673f194"), Some(json!("d85cd024"))),
            ("<time>", json!("2026-01-02T03:04:05.678Z"), Some(json!("2026-01-02T03:04:05Z"))),
            ("<has: b>", json!("abc"), Some(json!("ac"))),
            ("${token}", json!("abc"), Some(json!("abd"))),
        ] {
            assert!(fits(json!([wanted]), json!([right])), "{wanted}");
            assert!(wrong.is_none_or(|wrong| !fits(json!({ "a": wanted }), json!({ "a": wrong }))), "{wanted}");
        }
        assert!(!fits(json!({"a": 1}), json!({"a": 1, "b": 2})) && !fits(json!([1]), json!([1, 1])));
    }
}
