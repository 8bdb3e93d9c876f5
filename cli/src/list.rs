//! What is asked of runs that are there, and of languages.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use locus_core::Run;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Client, LanguageInfo, Page};
use crate::exit;
use crate::flags::{Format, ListFlags};
use crate::follow::{Followed, Manner, follow, tell_end};
use crate::show::{BAD, GOOD, STRONG, one_line, seconds, size, styled, table};
use crate::stop::Stop;
use crate::trouble::Trouble;

/// The languages of a server.
#[derive(Debug, Deserialize)]
pub struct Languages {
    /// All of them.
    pub languages: Vec<LanguageInfo>,
}

const PAGE: &str = "50";
const PAGE_MAX: &str = "100";

/// `locus ls`.
///
/// # Errors
/// The server has no list.
pub async fn runs(client: &Client, flags: &ListFlags) -> Result<String, Trouble> {
    let limit = if flags.all { PAGE_MAX } else { PAGE };
    let mut query = vec![("limit", limit.to_owned())];
    query.extend(flags.label.iter().map(|(name, value)| ("label", format!("{name}={value}"))));
    query.extend(flags.phase.map(|phase| ("phase", phase.as_str().to_owned())));
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut asked = query.clone();
        asked.extend(after.take().map(|after: String| ("after", after)));
        let page: Value = client.list(&asked).await?;
        after = page["next"].as_str().filter(|_| flags.all).map(str::to_owned);
        found.push(page);
        if after.is_none() {
            break;
        }
    }
    if flags.output == Format::Json {
        let runs: Vec<&Value> = found.iter().filter_map(|page| page["runs"].as_array()).flatten().collect();
        let mut list = json!({ "runs": runs });
        if let Some(next) = found.last().and_then(|page| page.get("next")).filter(|next| next.is_string()) {
            list["next"] = next.clone();
        }
        return Ok(format!("{list:#}\n"));
    }
    let heads = ["ID", "LANGUAGE", "PHASE", "REASON", "AGE", "TIME", "LABELS"].map(|head| styled(STRONG, head));
    let mut rows = vec![heads.to_vec()];
    let mut more = false;
    for page in found {
        let page: Page = serde_json::from_value(page).map_err(|error| client.odd(error.to_string()))?;
        more = page.next.is_some();
        rows.extend(page.runs.iter().map(row));
    }
    let hint = if more { "(there are more: --all lists them)\n" } else { "" };
    Ok(table(&rows) + hint)
}

fn row(run: &Run) -> Vec<String> {
    vec![
        run.id.clone(),
        one_line(&run.language),
        run.phase.as_str().to_owned(),
        reason(run),
        age(&run.created_at, SystemTime::now()),
        run.usage.map(|usage| seconds(usage.wall_seconds)).unwrap_or_default(),
        labels(&run.labels),
    ]
}

fn reason(run: &Run) -> String {
    match run.outcome {
        Some(outcome) => styled(if outcome.is_success() { GOOD } else { BAD }, &one_line(&run.reason)),
        None => one_line(&run.reason),
    }
}

fn labels(labels: &BTreeMap<String, String>) -> String {
    one_line(&labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(","))
}

/// How long ago something was, in one unit.
fn age(time: &str, now: SystemTime) -> String {
    let Ok(time) = humantime::parse_rfc3339_weak(time) else { return one_line(time) };
    let seconds = now.duration_since(time).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `locus get`.
///
/// # Errors
/// There is no such run.
pub async fn run(client: &Client, id: &str, format: Format) -> Result<String, Trouble> {
    let whole: Value = client.get(id).await?;
    if format == Format::Json {
        return Ok(format!("{whole:#}\n"));
    }
    let run: Run = serde_json::from_value(whole).map_err(|error| client.odd(error.to_string()))?;
    let mut rows = vec![
        ("id", run.id.clone()),
        ("language", one_line(&run.language)),
        ("phase", run.phase.as_str().to_owned()),
        ("reason", reason(&run)),
        ("error", one_line(&run.error)),
        ("created", run.created_at.clone()),
    ];
    rows.extend(run.started_at.map(|time| ("started", time)));
    rows.extend(run.finished_at.map(|time| ("finished", time)));
    rows.extend(run.exit_code.map(|code| ("exit code", code.to_string())));
    rows.extend(run.signal.map(|signal| ("signal", one_line(&signal))));
    rows.extend(run.usage.map(|usage| {
        let (wall, cpu) = (seconds(usage.wall_seconds), seconds(usage.cpu_seconds));
        ("used", format!("{wall}, {cpu} of cpu time, {}", size(usage.memory_peak_bytes)))
    }));
    rows.extend(
        run.limits.map(|limits| ("limits", format!("{} s, {}", limits.timeout_seconds, size(limits.memory_bytes)))),
    );
    rows.extend(run.tests.map(|tests| ("tests", format!("{} of {} passed", tests.passed, tests.total))));
    rows.extend(run.files.iter().map(|file| ("file", format!("{} ({})", one_line(&file.name), size(file.size)))));
    rows.push(("labels", labels(&run.labels)));
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(table(&rows.map(|(name, value)| vec![styled(STRONG, name), value]).collect::<Vec<_>>()))
}

/// `locus logs`; the answer is the exit code.
///
/// # Errors
/// There is no such run.
pub async fn logs(client: &Client, id: &str, stop: &mut Stop) -> Result<u8, Trouble> {
    let manner = Manner { shows_output: true, sends_input: false, owns: false, cases: 0 };
    Ok(match follow(client, id, manner, stop).await? {
        Followed::Ended { run, .. } => {
            tell_end(&run);
            exit::code(&run)
        }
        Followed::Left => exit::CANCELLED,
        Followed::Unread => exit::BROKEN_PIPE,
    })
}

/// `locus languages`.
///
/// # Errors
/// The server does not tell them.
pub async fn languages(client: &Client, format: Format) -> Result<String, Trouble> {
    let whole: Value = client.languages().await?;
    if format == Format::Json {
        return Ok(format!("{whole:#}\n"));
    }
    let list: Languages = serde_json::from_value(whole).map_err(|error| client.odd(error.to_string()))?;
    let heads = ["LANGUAGE", "NAME", "VERSION", "ALSO"].map(|head| styled(STRONG, head));
    let rows = list.languages.iter().map(|language| {
        let (name, version) = (one_line(&language.name), one_line(&language.version));
        vec![one_line(&language.selector), name, version, one_line(&language.aliases.join(", "))]
    });
    Ok(table(&std::iter::once(heads.to_vec()).chain(rows).collect::<Vec<_>>()))
}

/// `locus cancel`.
///
/// # Errors
/// There is no such run.
pub async fn cancel(client: &Client, id: &str) -> Result<String, Trouble> {
    let run = client.cancel(id).await?;
    let what = if run.is_over() { "had ended before" } else { "is asked to stop" };
    Ok(format!("{} {what}\n", run.id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::age;

    #[test]
    fn an_age_has_one_unit() {
        let then = humantime::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time");
        for (seconds, shown) in [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")] {
            assert_eq!(age("2026-01-01T00:00:00Z", then + Duration::from_secs(seconds)), shown);
        }
        assert_eq!(age("2026-01-01T00:00:00.123456Z", then), "0s", "clocks differ");
    }
}
