//! What stands where in a run's request, for whoever wrote it elsewhere, by another name, or in another form.

use std::sync::LazyLock;

use locus_core::{EnvVar, LimitsRequest, RunRequest, SourceFile, TestCase, nearest};
use serde::de::DeserializeOwned;

/// What a request is to look like.
pub const EXAMPLE: &str = r#"{"language": "python", "code": "print(1)"}"#;

/// The most characters that a message repeats of what a client sent.
const QUOTED_MAX: usize = 200;

/// What is to stand at each place; what is missing here is as the place around it.
const FORMS: &[(&str, &str)] = &[
    ("", r#"an object such as {"language": "python", "code": "print(1)"}"#),
    ("language", r#"a text such as "python""#),
    ("code", "the program as one text"),
    ("files", r#"a list such as [{"name": "main.py", "content": "print(1)"}]"#),
    ("files[]", r#"an object such as {"name": "main.py", "content": "print(1)"}"#),
    ("files[].encoding", r#""utf8" or "base64""#),
    ("stdin", "a text"),
    ("args", r#"a list of texts such as ["-v", "2"]"#),
    ("env", r#"a list of {name, value}, such as [{"name": "LANG", "value": "C"}]"#),
    ("compileArgs", r#"a list of texts such as ["-O2"]"#),
    ("limits", r#"an object such as {"timeoutSeconds": 5}"#),
    ("limits.timeoutSeconds", "a number of seconds, such as 2 or 0.5"),
    ("limits.cpuSeconds", "a number of seconds, such as 2 or 0.5"),
    ("limits.memoryBytes", "a number of bytes, such as 268435456"),
    ("limits.outputBytes", "a number of bytes, such as 1048576"),
    ("limits.fileBytes", "a number of bytes, such as 16777216"),
    ("limits.processes", "a whole number such as 64"),
    ("stderrToStdout", "true or false"),
    ("interactive", "true or false"),
    ("outputFiles", r#"a list of names and globs such as ["*.png"]"#),
    ("tests", r#"a list such as [{"stdin": "1", "expectedStdout": "2"}]"#),
    ("tests[]", r#"an object such as {"stdin": "1", "expectedStdout": "2"}"#),
    ("tests[].args", r#"a list of texts such as ["-v", "2"]"#),
    ("tests[].checker", r#""exact", "trimmed", "tokens" or "float""#),
    ("tests[].tolerance", "a number from 0 to 1"),
    ("labels", r#"an object of texts, such as {"team": "a"}"#),
    ("callback", "an http:// or https:// URL"),
];

/// Words of others for what has another name here.
const WORDS: &[(&str, &str)] = &[
    ("arguments", "args"),
    ("input", "stdin"),
    ("memoryLimit", "memoryBytes"),
    ("output", "expectedStdout"),
    ("program", "code"),
    ("script", "code"),
    ("source", "code"),
    ("sourceCode", "code"),
    ("stdout", "expectedStdout"),
    ("timeLimit", "timeoutSeconds"),
];

/// The names at each place.
static NAMES: LazyLock<[(&str, Vec<String>); 5]> = LazyLock::new(|| {
    [
        ("", names::<RunRequest>()),
        ("limits", names::<LimitsRequest>()),
        ("files[]", names::<SourceFile>()),
        ("env[]", names::<EnvVar>()),
        ("tests[]", names::<TestCase>()),
    ]
});

/// The names of a type's fields: what serde says to one that is none.
fn names<T: DeserializeOwned>() -> Vec<String> {
    let refusal = serde_json::from_str::<T>(r#"{"": null}"#).err().map(|error| error.to_string());
    refusal.as_deref().and_then(|text| text.split_once("expected ")).map(|(_, names)| quoted(names)).unwrap_or_default()
}

/// What to say of a field that nothing reads, by serde's words for one.
#[must_use]
pub fn unknown(text: &str, path: &str, place: &str) -> Option<String> {
    // The name may hold anything, the known ones behind it are plain words.
    let (name, known) = text.strip_prefix("unknown field `")?.rsplit_once("`, expected ")?;
    let known = quoted(known);
    let parent = path.strip_suffix(name).unwrap_or(path).trim_end_matches('.');
    let hint = match nearest(name, known.iter().map(String::as_str)).first() {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => match elsewhere(name, parent) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("the fields are {}", known.join(", ")),
        },
    };
    let parent = if parent.is_empty() { String::new() } else { format!(" of {}", cut(parent)) };
    Some(format!("unknown field `{}`{parent} {place}: {hint}", cut(name)))
}

/// What to say of anything else that does not fit, by serde's words for it.
#[must_use]
pub fn wrong(text: &str, path: &str, place: &str) -> String {
    let form = form(path);
    let path = if path.is_empty() { String::from("the request") } else { cut(path) };
    if let Some(found) = found(text) {
        format!("{path} is {} {place}: give {form}", cut(&found))
    } else if let Some(name) = text.strip_prefix("duplicate field `") {
        format!("{} stands twice {place}: give one of the two", cut(name.trim_end_matches('`')))
    } else {
        format!("{path}: {} {place}: give {form}", cut(text))
    }
}

/// What stands at a place where something else belongs.
fn found(text: &str) -> Option<String> {
    let (_, found) = text.split_once(": ").filter(|(kind, _)| matches!(*kind, "invalid type" | "invalid value"))?;
    let (found, _) = found.rsplit_once(", expected ")?;
    Some(match found.split_once(' ') {
        _ if found == "map" => "an object".to_owned(),
        _ if found == "sequence" => "a list".to_owned(),
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => value.trim_matches('`').to_owned(),
        _ => found.trim_start_matches("floating point ").trim_matches('`').to_owned(),
    })
}

/// The head of a text that a client chose.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The words between backquotes.
#[must_use]
pub fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What is to stand at a path.
fn form(path: &str) -> &'static str {
    let mut place = general(path);
    loop {
        if let Some((_, form)) = FORMS.iter().find(|(known, _)| *known == place) {
            return form;
        }
        place = around(&place).to_owned();
    }
}

/// The place that was most likely meant by a name that none has at `parent`, where that is another one.
fn elsewhere(name: &str, parent: &str) -> Option<String> {
    let parent = general(parent);
    let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&name.replace(['_', '-'], "")));
    let own = NAMES.iter().find(|(place, _)| *place == parent).map(|(_, names)| names);
    if let Some((_, meant)) = word.filter(|(_, meant)| own.is_some_and(|own| own.iter().any(|name| name == meant))) {
        return Some(format!("`{meant}`"));
    }
    let name = word.map_or(name, |(_, meant)| meant);
    let others = || NAMES.iter().filter(|(place, _)| *place != parent);
    let meant = nearest(name, others().flat_map(|(_, names)| names.iter().map(String::as_str)));
    let full = |place: &str, name: &str| match (place, parent.as_str()) {
        ("", _) => format!("`{name}` of the request itself"),
        _ => format!("`{place}.{name}`"),
    };
    let places: Vec<_> = others()
        .flat_map(|(place, names)| names.iter().map(move |name| (*place, name)))
        .filter(|(_, name)| meant.contains(&name.as_str()))
        .map(|(place, name)| full(place, name))
        .collect();
    (!places.is_empty()).then(|| places.join(" or "))
}

/// A path that means each item of a list, and both kinds of limits.
fn general(path: &str) -> String {
    let path =
        if path.starts_with("compileLimits") { path.replacen("compileLimits", "limits", 1) } else { path.to_owned() };
    let mut parts = path.split('[');
    let head = parts.next().unwrap_or_default().to_owned();
    parts.fold(head, |place, part| place + "[]" + part.split_once(']').map_or("", |(_, rest)| rest))
}

/// The place around another one.
fn around(place: &str) -> &str {
    match place.strip_suffix("[]") {
        Some(list) => list,
        None => place.rsplit_once('.').map_or("", |(around, _)| around),
    }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, elsewhere, form};

    #[test]
    fn every_place_has_its_names_and_says_what_is_to_stand_there() {
        for (place, names) in &*NAMES {
            assert!(names.len() >= 2, "{place}: {names:?}");
        }
        assert!(NAMES[0].1.iter().any(|name| name == "language"));
        for (path, part) in [
            ("", "an object"),
            ("?", "an object"),
            ("limits.memoryBytes", "a number of bytes"),
            ("compileLimits.cpuSeconds", "a number of seconds"),
            ("args[17]", "a list of texts"),
            ("env", "{name, value}"),
            ("env[3].value", "{name, value}"),
            ("tests[0].args[1]", "a list of texts"),
            ("labels.a.b[", "an object of texts"),
        ] {
            assert!(form(path).contains(part), "{path}: {}", form(path));
        }
    }

    #[test]
    fn a_name_at_the_wrong_place_is_found_at_the_right_one() {
        for (name, parent, meant) in [
            ("timeout", "", "`limits.timeoutSeconds`"),
            ("memory", "", "`limits.memoryBytes`"),
            ("time_limit", "", "`limits.timeoutSeconds`"),
            ("expected", "", "`tests[].expectedStdout`"),
            ("source_code", "", "`code`"),
            ("input", "", "`stdin`"),
            ("input", "tests[3]", "`stdin`"),
            ("output", "tests[0]", "`expectedStdout`"),
            ("args", "limits", "`args` of the request itself or `tests[].args`"),
            ("tolerance", "", "`tests[].tolerance`"),
            ("content", "", "`files[].content`"),
        ] {
            assert_eq!(elsewhere(name, parent).as_deref(), Some(meant), "{name} at {parent}");
        }
        assert_eq!(elsewhere("klingon", ""), None);
    }
}
