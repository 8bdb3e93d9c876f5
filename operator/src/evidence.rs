//! Whether a language works, by evidence: what was seen of its image, and what that makes of its condition Ready. Pure
//! but for a map; [`crate::languages`] writes the conditions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use locus_api::{Language, READY, Refusal, Served};
use locus_core::Outcome;
use tokio::sync::Notify;

use crate::links::lock;

/// A pod of the image ran the language's runner, or the example of the language ran.
const SERVED: &str = "Served";
/// Nothing has been seen yet.
const NOT_RUN_YET: &str = "NotRunYet";
/// The example is being run.
const CHECKING: &str = "Checking";
/// The example did not run to its end.
const CHECK_FAILED: &str = "CheckFailed";

/// What was seen of a language's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A pod of it ran the language's runner.
    Served,
    /// A pod of it did not.
    Failed {
        /// The reason in one word.
        reason: &'static str,
        /// What happened, and what to do.
        message: String,
    },
}

impl Verdict {
    /// What the end of a pod that no run had been sent to says of its image; nothing where that is the fate of the pod or of
    /// its node.
    #[must_use]
    pub fn of_failure(outcome: Outcome, message: &str) -> Option<Self> {
        let advice = match outcome {
            Outcome::ImagePullFailed => "see that the image is there under this name, and that its nodes may pull it",
            Outcome::RunnerFailed => "the image has to start locus-runner, see docs/own-language.md",
            Outcome::PodRejected => "see that the cluster has room for its pods and that the image holds locus-runner",
            _ => return None,
        };
        Some(Self::Failed { reason: outcome.as_str(), message: format!("{message}; {advice}") })
    }

    /// What the end of a check says. `began` is whether a runner was given the example: what it then fails at is the
    /// language, unless the pod was taken away.
    #[must_use]
    pub fn of_check(outcome: &str, error: &str, output: &str, began: bool) -> Self {
        let told = Outcome::named(outcome);
        if told.is_some_and(Outcome::is_success) {
            return Self::Served;
        }
        if let Some(failure) = told.filter(|_| !began).and_then(|outcome| Self::of_failure(outcome, error)) {
            return failure;
        }
        let taken = told.filter(|outcome| matches!(outcome, Outcome::PodEvicted | Outcome::NodeLost));
        let separator = if output.is_empty() { "" } else { ": " };
        let message = format!("its example ended with {outcome}: {error}{separator}{output}");
        Self::Failed { reason: taken.map_or(CHECK_FAILED, Outcome::as_str), message }
    }

    /// A check that was deleted before its end was seen.
    #[must_use]
    pub fn of_lost_check(run: &str) -> Self {
        let message = format!(
            "coderun {run}, which ran its example, was deleted before its end: change the language to try again"
        );
        Self::Failed { reason: CHECK_FAILED, message }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Served => SERVED,
            Self::Failed { reason, .. } => reason,
        }
    }
}

/// How the example of a language fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// It is not run, or was seen to the end already.
    None,
    /// This CodeRun runs it.
    Goes(String),
    /// It has ended.
    Ended(Verdict),
}

/// What the condition Ready says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// True, False or Unknown.
    pub status: &'static str,
    /// In one word.
    pub reason: String,
    /// In one sentence.
    pub message: String,
}

impl Standing {
    fn new(status: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), message: message.into() }
    }

    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Served => Self::new("True", SERVED, "programs run in the image"),
            Verdict::Failed { reason, message } => Self::new("False", reason, message),
        }
    }
}

/// The condition Ready of a language, if it speaks of the spec as it is now.
fn condition(language: &Language) -> Option<&Condition> {
    let conditions = language.status.iter().flat_map(|status| &status.conditions);
    conditions
        .filter(|condition| condition.type_ == READY)
        .find(|condition| condition.observed_generation == language.metadata.generation)
}

/// Whether there is a verdict on the spec as it is now.
#[must_use]
pub fn is_decided(language: &Language) -> bool {
    const UNDECIDED: [&str; 4] = [NOT_RUN_YET, CHECKING, Refusal::NAME_TAKEN, Refusal::INVALID_SPEC];
    condition(language).is_some_and(|condition| !UNDECIDED.contains(&condition.reason.as_str()))
}

/// Whether the CodeRun that runs the example has been created.
#[must_use]
pub fn is_being_checked(language: &Language) -> bool {
    condition(language).is_some_and(|condition| condition.reason == CHECKING)
}

/// What the condition Ready of a language is to say; none when it stays as it is. `news` is what was seen of the image
/// last, and has not been told yet.
#[must_use]
pub fn standing(
    language: &Language,
    refusal: Option<&Refusal>,
    check: &Check,
    news: Option<&Verdict>,
) -> Option<Standing> {
    let before = condition(language);
    let decided = before.filter(|_| is_decided(language));
    let next = match (refusal, check) {
        (Some(refusal), _) => Standing::new("False", refusal.reason, &refusal.message),
        (None, Check::Ended(verdict)) => Standing::of(verdict),
        (None, Check::Goes(run)) => Standing::new("Unknown", CHECKING, format!("coderun {run} runs its example")),
        // That a pod starts does not mend an example that does not run.
        (None, Check::None) if decided.is_some_and(|decided| decided.reason == CHECK_FAILED) => return None,
        (None, Check::None) => match news {
            Some(verdict) => Standing::of(verdict),
            None if decided.is_some() => return None,
            None => Standing::new("Unknown", NOT_RUN_YET, "no pod of the image has run yet"),
        },
    };
    let same = |before: &Condition| before.status == next.status && before.reason == next.reason;
    (!before.is_some_and(same)).then_some(next)
}

/// What was seen last of each language's image, by the name of its object, and how many pods wait.
#[derive(Default)]
pub struct Evidence {
    seen: Mutex<HashMap<String, Seen>>,
    warm: Mutex<BTreeMap<String, u32>>,
    changed: Notify,
}

struct Seen {
    generation: i64,
    verdict: Verdict,
    told: bool,
}

impl Evidence {
    /// Something was seen of a language's image. Seen again it is no news.
    pub fn note(&self, served: &Served, verdict: Verdict) {
        let mut seen = lock(&self.seen);
        let known = seen.get(&served.object).filter(|seen| seen.generation == served.generation);
        if known.is_none_or(|seen| seen.verdict.reason() != verdict.reason()) {
            seen.insert(served.object.clone(), Seen { generation: served.generation, verdict, told: false });
            self.changed.notify_one();
        }
    }

    /// What was seen of a language as it is now and has not been told yet.
    #[must_use]
    pub fn news(&self, language: &Language) -> Option<Verdict> {
        let (name, generation) = (language.metadata.name.as_ref()?, language.metadata.generation?);
        let mut all = lock(&self.seen);
        let seen = all.get(name).filter(|seen| seen.generation == generation)?;
        if !seen.told {
            return Some(seen.verdict.clone());
        }
        if condition(language).is_none_or(|condition| condition.reason != seen.verdict.reason()) {
            // Something else was told since, by a check or by another operator: seen again, it is news again.
            all.remove(name);
        }
        None
    }

    /// This was told, or is of no interest any more.
    pub fn told(&self, object: &str, verdict: &Verdict) {
        if let Some(seen) = lock(&self.seen).get_mut(object).filter(|seen| seen.verdict == *verdict) {
            seen.told = true;
        }
    }

    /// Forgets all languages but these.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        lock(&self.seen).retain(|object, _| is_there(object));
    }

    /// How many pods wait for the runs of each language, by the name of its object.
    pub fn set_warm(&self, counts: BTreeMap<String, u32>) {
        let mut warm = lock(&self.warm);
        if *warm != counts {
            *warm = counts;
            self.changed.notify_one();
        }
    }

    /// How many pods wait for the runs of a language.
    #[must_use]
    pub fn warm(&self, object: &str) -> u32 {
        lock(&self.warm).get(object).copied().unwrap_or_default()
    }

    /// Languages may have to be looked at.
    pub fn wake(&self) {
        self.changed.notify_one();
    }

    /// Waits until languages may have to be looked at.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use locus_api::{Catalogue, Language, Refusal};
    use locus_core::Outcome;
    use serde_json::{Value, json};

    use super::{Check, Evidence, Standing, Verdict, is_being_checked, is_decided, standing};

    fn language(generation: i64, condition: &Value) -> Language {
        serde_json::from_value(json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "Language", "metadata": {"name": "lua", "generation": generation},
            "spec": {"name": "Lua", "version": "5.4", "fileName": "main.lua", "image": "lua", "run": ["lua"]},
            "status": {"conditions": [condition]}
        }))
        .expect("a Language")
    }

    fn condition(generation: i64, status: &str, reason: &str) -> Value {
        json!({"type": "Ready", "status": status, "reason": reason, "message": "told", "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    fn failed(reason: Outcome) -> Verdict {
        Verdict::of_failure(reason, "it broke").expect("it says something of the image")
    }

    fn told(standing: Option<Standing>) -> Option<(&'static str, String)> {
        standing.map(|standing| (standing.status, standing.reason))
    }

    #[test]
    fn evidence_is_told_when_it_changes_and_a_new_spec_begins_anew() {
        let stands = |generation, status, reason, news: Option<Verdict>| {
            let language = language(2, &condition(generation, status, reason));
            told(standing(&language, None, &Check::None, news.as_ref()))
        };
        let unknown = Some(("Unknown", "NotRunYet".to_owned()));
        let served = Some(("True", "Served".to_owned()));
        let pull_failed = Some(("False", "ImagePullFailed".to_owned()));
        assert_eq!(stands(1, "True", "Served", None), unknown);
        assert_eq!(stands(2, "Unknown", "NotRunYet", None), None);
        assert_eq!(stands(2, "Unknown", "NotRunYet", Some(Verdict::Served)), served);
        assert_eq!(stands(2, "True", "Served", Some(Verdict::Served)), None);
        assert_eq!(stands(2, "True", "Served", None), None);
        assert_eq!(stands(2, "True", "Served", Some(failed(Outcome::ImagePullFailed))), pull_failed);
        assert_eq!(stands(2, "False", "ImagePullFailed", Some(failed(Outcome::ImagePullFailed))), None);
        assert_eq!(stands(2, "False", "ImagePullFailed", Some(Verdict::Served)), served);
        // What a refused one had is not known any more.
        assert_eq!(stands(2, "False", "NameTaken", None), unknown);
    }

    #[test]
    fn the_end_of_a_check_is_the_evidence_and_a_failed_one_stands_until_the_language_changes() {
        let fresh = language(2, &condition(1, "True", "Served"));
        let goes = Check::Goes("runs/check-lua-2".into());
        assert_eq!(told(standing(&fresh, None, &goes, None)), Some(("Unknown", "Checking".into())));
        let checked = language(2, &condition(2, "Unknown", "Checking"));
        assert!(is_being_checked(&checked) && !is_decided(&checked) && !is_being_checked(&fresh));
        assert_eq!(standing(&checked, None, &goes, Some(&Verdict::Served)), None);
        let ended_when = |outcome: &str, began| {
            let verdict = Verdict::of_check(outcome, "exit status 3", "no such module", began);
            standing(&checked, None, &Check::Ended(verdict), None).expect("it is another one")
        };
        let ended = |outcome| ended_when(outcome, true);
        assert_eq!(told(Some(ended("Completed"))), Some(("True", "Served".into())));
        let failure = ended("NonZeroExit");
        assert_eq!((failure.status, failure.reason.as_str()), ("False", "CheckFailed"));
        assert_eq!(failure.message, "its example ended with NonZeroExit: exit status 3: no such module");
        for platform in [Outcome::ImagePullFailed, Outcome::PodRejected, Outcome::RunnerFailed, Outcome::NodeLost] {
            assert_eq!(ended_when(platform.as_str(), false).reason, platform.as_str());
        }
        // A runner that can't start the language's program.
        assert_eq!(ended("RunnerFailed").reason, "CheckFailed");
        assert_eq!(ended("PodEvicted").reason, "PodEvicted");
        let broken = language(2, &condition(2, "False", "CheckFailed"));
        assert_eq!(standing(&broken, None, &Check::None, Some(&Verdict::Served)), None);
        let mended = language(3, &condition(2, "False", "CheckFailed"));
        assert_eq!(told(standing(&mended, None, &goes, None)), Some(("Unknown", "Checking".into())));
    }

    #[test]
    fn a_language_that_is_not_served_says_why_before_all_else() {
        let refusal = Refusal { reason: Refusal::NAME_TAKEN, message: "choose another id".into() };
        let served = language(2, &condition(2, "True", "Served"));
        let standing = standing(&served, Some(&refusal), &Check::None, Some(&Verdict::Served)).expect("it changes");
        assert_eq!((standing.status, standing.message.as_str()), ("False", "choose another id"));
    }

    #[test]
    fn a_failure_of_the_image_says_what_to_do_and_the_fate_of_a_node_says_nothing_of_it() {
        for outcome in [Outcome::ImagePullFailed, Outcome::RunnerFailed, Outcome::PodRejected] {
            let Verdict::Failed { reason, message } = failed(outcome) else { panic!("it failed") };
            assert_eq!(reason, outcome.as_str());
            assert!(message.starts_with("it broke; "), "{message}");
        }
        for outcome in [Outcome::NodeLost, Outcome::PodEvicted, Outcome::NonZeroExit, Outcome::UnknownLanguage] {
            assert_eq!(Verdict::of_failure(outcome, ""), None);
        }
    }

    #[test]
    fn what_is_seen_again_is_no_news_and_what_was_seen_of_an_older_spec_neither() {
        let now = language(2, &condition(2, "Unknown", "NotRunYet"));
        let catalogue = Catalogue::of([&now]);
        let served = catalogue.find("lua").expect("it is served");
        let evidence = Evidence::default();
        assert_eq!(evidence.news(&now), None);
        evidence.note(served, Verdict::Served);
        assert_eq!(evidence.news(&now), Some(Verdict::Served));
        assert_eq!(evidence.news(&language(3, &condition(2, "True", "Served"))), None);
        evidence.told("lua", &Verdict::Served);
        evidence.note(served, Verdict::Served);
        let told = language(2, &condition(2, "True", "Served"));
        assert_eq!(evidence.news(&told), None);
        // Somebody else has told something else.
        assert_eq!(evidence.news(&language(2, &condition(2, "False", "NodeLost"))), None);
        evidence.note(served, Verdict::Served);
        assert_eq!(evidence.news(&now), Some(Verdict::Served));
        evidence.note(served, failed(Outcome::RunnerFailed));
        assert_eq!(evidence.news(&now), Some(failed(Outcome::RunnerFailed)));
        evidence.keep_only(|_| false);
        assert_eq!(evidence.news(&now), None);
    }
}
