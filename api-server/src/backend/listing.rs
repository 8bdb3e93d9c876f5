//! Pages of a list of runs, the same for every backend.

use std::borrow::Borrow;
use std::cmp::Reverse;

use locus_core::Run;

use super::{BackendError, Page, Query};

/// The runs that a query asks for, the newest first. `runs` are all of the client's, in any order; only those of the page are
/// cloned.
///
/// # Errors
/// [`BackendError::InvalidRequest`] when the page is to begin where none ended.
pub fn page(runs: impl IntoIterator<Item: Borrow<Run>>, query: &Query) -> Result<Page, BackendError> {
    let after = query.after.as_deref().map(|text| place(text).ok_or_else(|| unreadable(text))).transpose()?;
    let is_asked_for = |run: &Run| {
        query.phase.is_none_or(|phase| run.phase == phase)
            && query.labels.iter().all(|(name, value)| run.labels.get(name) == Some(value))
            && after.is_none_or(|after| (run.created_at.as_str(), run.id.as_str()) < after)
    };
    let mut items: Vec<_> = runs.into_iter().filter(|run| is_asked_for(run.borrow())).collect();
    items.sort_by(|one, other| key(one.borrow()).cmp(&key(other.borrow())));
    let more = items.len() > query.limit;
    let items: Vec<Run> = items.iter().take(query.limit).map(|run| run.borrow().clone()).collect();
    let next = items.last().filter(|_| more).map(|run| format!("{}~{}", run.created_at, run.id));
    Ok(Page { items, next })
}

fn key(run: &Run) -> Reverse<(&str, &str)> {
    Reverse((&run.created_at, &run.id))
}

fn place(text: &str) -> Option<(&str, &str)> {
    text.split_once('~').filter(|(time, id)| !time.is_empty() && !id.is_empty())
}

fn unreadable(text: &str) -> BackendError {
    BackendError::InvalidRequest(format!(
        "after={text} is not the next of a page: take it from the answer as it stands"
    ))
}

#[cfg(test)]
mod tests {
    use locus_core::{Phase, Run};

    use super::page;
    use crate::backend::Query;

    fn runs() -> Vec<Run> {
        let run = |number: usize| Run {
            id: format!("run-{number}"),
            created_at: format!("2026-01-01T00:00:0{}Z", number / 2),
            phase: if number.is_multiple_of(2) { Phase::Succeeded } else { Phase::Running },
            labels: [("half".to_owned(), (number / 3).to_string())].into(),
            ..Run::default()
        };
        (0..6).map(run).collect()
    }

    fn ids(query: &Query) -> (Vec<String>, Option<String>) {
        let page = page(runs(), query).expect("the query is well formed");
        (page.items.into_iter().map(|run| run.id).collect(), page.next)
    }

    #[test]
    fn pages_follow_each_other_from_the_newest_and_leave_nothing_out() {
        let mut query = Query { limit: 4, ..Query::default() };
        let (first, next) = ids(&query);
        assert_eq!(first, ["run-5", "run-4", "run-3", "run-2"]);
        query.after = next;
        assert_eq!(ids(&query), (vec!["run-1".to_owned(), "run-0".to_owned()], None));
    }

    #[test]
    fn a_query_has_the_labels_and_the_phase_that_it_names() {
        let labels = vec![("half".to_owned(), "1".to_owned())];
        let query = Query { labels, phase: Some(Phase::Running), limit: 10, after: None };
        assert_eq!(ids(&query).0, ["run-5", "run-3"]);
    }

    #[test]
    fn a_page_that_begins_nowhere_is_refused() {
        for after in ["", "x", "~", "a~"] {
            assert!(page(runs(), &Query { limit: 1, after: Some(after.into()), ..Query::default() }).is_err());
        }
    }
}
