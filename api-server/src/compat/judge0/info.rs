//! What the server says of itself.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::{Timestamp, ToSpan as _};
use locus_core::{Phase, Run};
use serde_json::{Map, Value, json};

use super::answer::{Ordered, ok, plain};
use super::{config, languages, status, submissions};
use crate::answer::Problem;
use crate::app::App;
use crate::backend::{Client, LanguageInfo};

const LICENSE: &str = include_str!("../../../../LICENSE");
const ISOLATE: &str = concat!("locus ", env!("CARGO_PKG_VERSION"), ", which runs programs in its own sandbox\n");
/// The days of the statistics, before this one.
const DAYS: i64 = 30;

/// `GET /about`.
pub async fn about() -> Response {
    ok(&Ordered(vec![
        ("version", config::VERSION.into()),
        ("homepage", "/".into()),
        ("source_code", "/openapi.json".into()),
        ("maintainer", concat!("Locus ", env!("CARGO_PKG_VERSION")).into()),
    ]))
}

/// `GET /version`.
pub async fn version() -> Response {
    plain(config::VERSION)
}

/// `GET /isolate`.
pub async fn isolate() -> Response {
    plain(ISOLATE)
}

/// `GET /license`.
pub async fn license() -> Response {
    plain(LICENSE)
}

/// `GET /system_info`: this machine, as far as the system tells of it.
pub async fn system_info() -> Response {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let order = if cfg!(target_endian = "little") { "Little Endian" } else { "Big Endian" };
    ok(&Ordered(vec![
        ("Architecture", std::env::consts::ARCH.into()),
        ("Byte Order", order.into()),
        ("CPU(s)", count.to_string().into()),
        ("Model name", entry(&processors, "model name").into()),
        ("Mem", entry(&memory, "MemTotal").map(gigabytes).into()),
        ("Swap", entry(&memory, "SwapTotal").map(gigabytes).into()),
    ]))
}

/// What stands behind a name in a file of /proc.
fn entry<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(known, _)| known.trim() == name).map(|(_, value)| value.trim()).next()
}

/// Kilobytes in the words of `free -h`.
fn gigabytes(kilobytes: &str) -> String {
    let number: u64 = kilobytes.trim_end_matches("kB").trim().parse().unwrap_or_default();
    let tenths = (number * 10) >> 20;
    format!("{}.{}G", tenths / 10, tenths % 10)
}

/// `GET /workers`: the client's own runs, and a worker more as long as there is room for another.
pub async fn workers(State(app): State<App>, Extension(client): Extension<Client>) -> Result<Response, Problem> {
    let all = submissions::summaries(&app, &client).await?;
    let count = |phase| all.iter().filter(|run| run.phase == phase).count();
    let (working, idle) = (count(Phase::Running), usize::from(app.backend.ready().is_ok()));
    Ok(ok(&[Ordered(vec![
        ("queue", config::VERSION.into()),
        ("size", count(Phase::Pending).into()),
        ("available", (working + idle).into()),
        ("idle", idle.into()),
        ("working", working.into()),
        ("paused", 0.into()),
        ("failed", 0.into()),
    ])]))
}

/// `GET /statistics`: of the client's own submissions that are still kept, counted now.
pub async fn statistics(State(app): State<App>, Extension(client): Extension<Client>) -> Result<Response, Problem> {
    let all = submissions::summaries(&app, &client).await?;
    Ok(ok(&counted(&all, &app.backend.languages(), Timestamp::now())))
}

fn counted(all: &[Run], known: &[LanguageInfo], now: Timestamp) -> Ordered {
    let (mut of_language, mut of_status, mut of_day) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for run in all {
        let status = status::of_summary(run);
        *of_status.entry((status.id, status.description)).or_insert(0_usize) += 1;
        let language = known.iter().find(|language| language.selector == run.language);
        *of_language.entry(language.map(languages::number_and_name)).or_insert(0_usize) += 1;
        *of_day.entry(run.created_at.get(..10).unwrap_or_default()).or_insert(0_usize) += 1;
    }
    let day = |back: i64| {
        now.checked_sub((24 * back).hours()).map(|day| format!("{day:.0}")[..10].to_owned()).unwrap_or_default()
    };
    let of = |day: &str| of_day.get(day).copied().unwrap_or_default();
    let days: Map<String, Value> = (1..=DAYS).map(day).map(|day| (day.clone(), of(&day).into())).collect();
    let mut languages: Vec<(usize, Value)> = of_language
        .into_iter()
        .map(|(language, count)| {
            let (id, name) = language.unwrap_or_default();
            (count, json!({ "language": { "id": id, "name": name }, "count": count }))
        })
        .collect();
    let mut statuses: Vec<(usize, Value)> = of_status
        .into_iter()
        .map(|((id, name), count)| (count, json!({ "status": { "id": id, "name": name }, "count": count })))
        .collect();
    let most_first = |rows: &mut Vec<(usize, Value)>| -> Value {
        rows.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        rows.drain(..).map(|(_, row)| row).collect()
    };
    Ordered(vec![
        ("created_at", format!("{now:.3}").into()),
        ("cached_until", format!("{now:.3}").into()),
        ("submissions", json!({ "total": all.len(), "today": of(&day(0)), "last_30_days": days })),
        ("languages", most_first(&mut languages)),
        ("statuses", most_first(&mut statuses)),
        ("database", json!({ "size_pretty": "0 bytes", "size_in_bytes": 0 })),
    ])
}

#[cfg(test)]
mod tests {
    use locus_core::{Outcome, Run, RunResult};

    use super::{counted, entry, gigabytes};

    #[test]
    fn what_the_system_says_is_found_by_its_name() {
        assert_eq!(entry("a: 1\nmodel name\t: A: B\nmodel name: C\n", "model name"), Some("A: B"));
        assert_eq!(entry("a: 1", "b"), None);
        assert_eq!((gigabytes("16303428 kB"), gigabytes("")), ("15.5G".to_owned(), "0.0G".to_owned()));
    }

    #[test]
    fn submissions_are_counted_by_day_language_and_status() {
        let run = |day: &str, outcome| {
            let created_at = format!("2026-03-{day}T10:00:00.000000Z");
            Run { created_at, language: "python".into(), ..Run::default() }.ended(RunResult::failed(outcome, ""))
        };
        let runs = [run("31", Outcome::Completed), run("31", Outcome::Completed), run("30", Outcome::NonZeroExit)];
        let told = counted(&runs, &[], "2026-03-31T12:00:00Z".parse().expect("a time"));
        let told = serde_json::to_value(told).expect("it serializes");
        assert_eq!(told["submissions"]["total"], 3);
        assert_eq!(told["submissions"]["today"], 2);
        assert_eq!(told["submissions"]["last_30_days"]["2026-03-30"], 1);
        assert_eq!(told["submissions"]["last_30_days"].as_object().expect("days").len(), 30);
        assert_eq!(told["statuses"][0]["status"]["id"], 3);
        assert_eq!(told["statuses"][1]["status"]["name"], "Runtime Error (NZEC)");
        assert_eq!(told["languages"][0]["count"], 3);
    }
}
