//! Which numbers mean which language.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Ordered, Refusal, ok};
use super::casts;
use crate::app::App;
use crate::backend::LanguageInfo;

/// The numbers that Judge0 1.13.1 takes; the lower ones are those of older versions, and no longer taken there.
const TAKEN: std::ops::RangeInclusive<u32> = 43..=89;

/// The language that a number means. One that is listed under it comes before another that it only stands for as well.
pub fn find(known: &[LanguageInfo], id: i64) -> Option<&LanguageInfo> {
    let id = u32::try_from(id).ok()?;
    let first = known.iter().find(|language| language.compat.judge0.first() == Some(&id));
    first.or_else(|| known.iter().find(|language| language.compat.judge0.contains(&id)))
}

/// What is wrong with a number that means no language.
pub fn unknown(id: &str) -> String {
    if id.parse().is_ok_and(|id: u32| (1..*TAKEN.start()).contains(&id)) {
        format!("language with id {id} is archived and cannot be used anymore")
    } else {
        format!("language with id {id} doesn't exist")
    }
}

/// The language of a submission, as it stands there.
pub fn named(known: &[LanguageInfo], id: i64) -> Value {
    find(known, id).map_or(Value::Null, |language| json!({ "id": id, "name": name(language) }))
}

/// The number that a language is listed under, and its name there.
pub fn number_and_name(language: &LanguageInfo) -> (Option<u32>, String) {
    (language.compat.judge0.first().copied(), name(language))
}

fn name(language: &LanguageInfo) -> String {
    format!("{} ({})", language.name, language.version)
}

/// Each number that is listed with its language, by their names.
fn listed(known: &[LanguageInfo], is_listed: impl Fn(&LanguageInfo, u32) -> bool) -> Vec<(u32, &LanguageInfo)> {
    let numbers = known.iter().flat_map(|language| language.compat.judge0.iter().map(move |id| (*id, language)));
    let own = |(id, language): &(u32, &LanguageInfo)| {
        is_listed(language, *id) && find(known, (*id).into()).is_some_and(|found| std::ptr::eq(found, *language))
    };
    let mut listed: Vec<_> = numbers.filter(own).collect();
    listed.sort_by_key(|(id, language)| (name(language), *id));
    listed
}

/// `GET /languages`: each under its own number, and under all others that a client of this version knows.
pub async fn list(State(app): State<App>) -> Response {
    app.backend.surveyed().await;
    let known = app.backend.languages();
    let is_listed =
        |language: &LanguageInfo, id: u32| language.compat.judge0.first() == Some(&id) || TAKEN.contains(&id);
    let rows = listed(&known, is_listed).into_iter();
    ok(&rows
        .map(|(id, language)| Ordered(vec![("id", id.into()), ("name", name(language).into())]))
        .collect::<Vec<_>>())
}

/// `GET /languages/all`: each under all of its numbers.
pub async fn all(State(app): State<App>) -> Response {
    app.backend.surveyed().await;
    let known = app.backend.languages();
    let row = |(id, language): (u32, &LanguageInfo)| {
        Ordered(vec![("id", id.into()), ("name", name(language).into()), ("is_archived", false.into())])
    };
    ok(&listed(&known, |_, _| true).into_iter().map(row).collect::<Vec<_>>())
}

/// `GET /languages/{id}`.
pub async fn show(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let missing = || Refusal::by_framework(StatusCode::NOT_FOUND, &headers);
    // What is no text is no number either.
    let Path(id) = id.map_err(|_| missing())?;
    app.backend.surveyed().await;
    let known = app.backend.languages();
    let number = casts::integer(&Value::String(id)).unwrap_or_default();
    let language = find(&known, number).ok_or_else(missing)?;
    let line = |argv: &[String]| argv.join(" ").replace("{main}", &language.file_name);
    Ok(ok(&Ordered(vec![
        ("id", number.into()),
        ("name", name(language).into()),
        ("is_archived", false.into()),
        ("source_file", language.file_name.clone().into()),
        ("compile_cmd", language.compiles.then(|| format!("{} %s", line(&language.compile))).into()),
        ("run_cmd", line(&language.run).into()),
    ])))
}

#[cfg(test)]
mod tests {
    use locus_languages::{Compat, Language};

    use super::{find, listed, unknown};
    use crate::backend::LanguageInfo;

    fn known() -> Vec<LanguageInfo> {
        let language = |name: &str, judge0: &[u32]| Language {
            id: name.to_lowercase(),
            name: name.into(),
            compat: Compat { judge0: judge0.to_vec(), ..Compat::default() },
            ..locus_languages::all()[0].clone()
        };
        [language("B", &[62, 91, 26]), language("A", &[91]), language("C", &[])]
            .iter()
            .map(LanguageInfo::from)
            .collect()
    }

    #[test]
    fn a_number_means_the_language_that_is_listed_under_it_first() {
        let known = known();
        let name = |id| find(&known, id).map(|language| language.name.as_str());
        assert_eq!((name(62), name(91), name(26)), (Some("B"), Some("A"), Some("B")));
        assert_eq!((name(1), name(-1), name(i64::MAX)), (None, None, None));
        let rows: Vec<_> =
            listed(&known, |_, _| true).into_iter().map(|(id, language)| (id, language.name.as_str())).collect();
        assert_eq!(rows, [(91, "A"), (26, "B"), (62, "B")]);
    }

    #[test]
    fn an_old_number_is_told_from_one_that_never_was() {
        assert!(unknown("42").contains("is archived") && unknown("1").contains("is archived"));
        assert_eq!(unknown("43"), "language with id 43 doesn't exist");
        assert_eq!(unknown(""), "language with id  doesn't exist");
    }
}
