//! Writes into each Language what is known of it, and has those that users apply checked: their example is run, once for
//! each generation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Resource as _, ResourceExt as _};
use locus_api::{Catalogue, CodeRun, CodeRunSpec, CodeRunStatus, Language, LanguageStatus, READY, Served, labels};
use locus_core::Outcome;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::configured::is_configured;
use crate::evidence::{Check, Standing, Verdict, is_being_checked, is_decided, standing};
use crate::plan::is_finished;
use crate::reconcile::Operator;

/// The time that one look at all languages may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// Changes within this time are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Languages are looked at this often even when nothing seems to happen.
const PERIOD: Duration = Duration::from_secs(10);
/// The same while the end of a check is waited for, or something is tried again.
const SOON: Duration = Duration::from_secs(1);
/// How long a number of waiting pods is another one before it is written: a pod that a short run took is soon replaced.
const STATUS_PERIOD: Duration = Duration::from_secs(5);
/// Seconds after its end at which a check is deleted.
const CHECK_TTL_SECONDS: u32 = 600;
/// Characters of what a failed check wrote that stand in the condition's message, and of all of it.
const OUTPUT_CHARACTERS: usize = 512;
const MESSAGE_CHARACTERS: usize = 2048;

/// What is remembered of a language between two looks.
#[derive(Default)]
struct Memory {
    /// The language as this operator last wrote it: the watch may lag behind.
    written: Option<Arc<Language>>,
    /// Since when the number of waiting pods that is written is not the true one.
    untold: Option<Instant>,
}

impl Memory {
    fn newest(&mut self, seen: &Arc<Language>) -> Arc<Language> {
        match &self.written {
            Some(ours) if version(ours) > version(seen) => ours.clone(),
            _ => {
                self.written = None;
                seen.clone()
            }
        }
    }
}

/// Looks after all languages, again and again.
pub async fn run(operator: &Operator, languages: &Store<Language>, runs: &Store<CodeRun>) {
    let mut memories = HashMap::new();
    loop {
        // One request that is never answered must not be the end of it.
        let looked = timeout(LOOK_TIMEOUT, look(operator, languages, runs, &mut memories)).await;
        let look_again = looked.unwrap_or(PERIOD);
        let _ = timeout(look_again, operator.evidence.changed()).await;
        sleep(DEBOUNCE).await;
    }
}

/// Looks at all languages once; gives the time after which to look again.
async fn look(
    operator: &Operator,
    languages: &Store<Language>,
    runs: &Store<CodeRun>,
    memories: &mut HashMap<String, Memory>,
) -> Duration {
    let mut languages = languages.state();
    languages.sort_by_key(|language| language.name_any());
    let Some(catalogue) = operator.catalogue() else { return SOON };
    memories.retain(|uid, _| languages.iter().any(|language| language.metadata.uid.as_ref() == Some(uid)));
    operator.evidence.keep_only(|name| languages.iter().any(|language| language.name_any() == name));
    let mut look_again = PERIOD;
    for seen in &languages {
        let memory = memories.entry(seen.uid().unwrap_or_default()).or_default();
        let language = memory.newest(seen);
        let next = tend(operator, &language, &catalogue, runs, memory).await.unwrap_or_else(|error| {
            tracing::warn!(language.name = language.name_any(), %error, "language not looked after, trying again");
            SOON
        });
        look_again = look_again.min(next);
    }
    look_again
}

/// Takes the steps for one language; gives the time after which to look again.
async fn tend(
    operator: &Operator,
    language: &Language,
    catalogue: &Catalogue,
    runs: &Store<CodeRun>,
    memory: &mut Memory,
) -> kube::Result<Duration> {
    let name = language.name_any();
    let (served, refusal) = (catalogue.of_object(&name), catalogue.refusal(&name));
    let check = match served {
        // The spec is another one by now: its own event comes.
        Some(served) if Some(served.generation) != language.metadata.generation => return Ok(SOON),
        Some(served) if !is_configured(language) && !served.language.example.is_empty() && !is_decided(language) => {
            check(operator, language, served, runs).await?
        }
        _ => Check::None,
    };
    let news = operator.evidence.news(language);
    let standing = standing(language, refusal, &check, news.as_ref());
    let look_again = tell(operator, language, served, standing, memory).await?;
    if let Some(news) = news {
        operator.evidence.told(&name, &news);
    }
    Ok(if matches!(check, Check::Goes(_)) { look_again.min(SOON) } else { look_again })
}

/// Has a language's example run, and looks how that fares. The CodeRun's name and owner say which language it is for as it
/// is now: there is never a second one, whoever asks and however often.
async fn check(
    operator: &Operator,
    language: &Language,
    served: &Served,
    runs: &Store<CodeRun>,
) -> kube::Result<Check> {
    let namespace = &operator.config.run_namespace;
    let name = format!("check-{}-{}", served.object, served.generation);
    let api: Api<CodeRun> = Api::namespaced(operator.client.clone(), namespace);
    let is_ours =
        |run: &CodeRun| run.owner_references().iter().any(|owner| Some(&owner.uid) == language.metadata.uid.as_ref());
    let full_name = format!("{namespace}/{name}");
    let seen = runs.get(&ObjectRef::new(&name).within(namespace)).map(Arc::unwrap_or_clone);
    let run = match seen.filter(is_ours) {
        Some(run) => run,
        None if is_being_checked(language) => match api.get_opt(&name).await?.filter(is_ours) {
            Some(run) => run,
            None => return Ok(Check::Ended(Verdict::of_lost_check(&full_name))),
        },
        None => {
            operator.metrics.write("coderuns", "create");
            match api.create(&PostParams::default(), &check_run(&name, language, served)).await {
                Ok(run) => run,
                Err(kube::Error::Api(answer)) if answer.code == 409 => {
                    match api.get_opt(&name).await?.filter(is_ours) {
                        Some(run) => run,
                        // It checked another language of this name, and goes as that one went.
                        None => return Ok(Check::None),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    };
    if !is_finished(&run) {
        return Ok(Check::Goes(full_name));
    }
    // The watch leaves out what it has written.
    let whole = api.get_opt(&name).await?.filter(is_ours).unwrap_or(run);
    Ok(Check::Ended(verdict(&whole.status.unwrap_or_default())))
}

fn check_run(name: &str, language: &Language, served: &Served) -> CodeRun {
    let spec = CodeRunSpec {
        language: served.selector(),
        code: Some(served.language.example.clone()),
        ttl_seconds_after_finished: Some(CHECK_TTL_SECONDS),
        ..CodeRunSpec::default()
    };
    let mut run = CodeRun::new(name, spec);
    run.metadata.owner_references = language.owner_ref(&()).map(|owner| vec![owner]);
    run.labels_mut().insert(labels::MANAGED_BY.into(), labels::OPERATOR.into());
    run
}

/// What the end of a check says.
fn verdict(status: &CodeRunStatus) -> Verdict {
    let outcome = status.outcome.as_deref().unwrap_or_default();
    let compiler = status.compile.as_ref().filter(|_| outcome == Outcome::CompileFailed.as_str());
    let output = compiler.map(|compile| compile.stderr.as_str()).or(status.stderr.as_deref()).unwrap_or_default();
    let output: String = output.trim().chars().take(OUTPUT_CHARACTERS).collect();
    Verdict::of_check(outcome, status.error.as_deref().unwrap_or_default(), &output, status.pod_uid.is_some())
}

/// Writes the language's status: a new standing at once, and another number of waiting pods when it lasts. Gives the time
/// after which to look again.
async fn tell(
    operator: &Operator,
    language: &Language,
    served: Option<&Served>,
    standing: Option<Standing>,
    memory: &mut Memory,
) -> kube::Result<Duration> {
    let old = language.status.clone().unwrap_or_default();
    let before = old.conditions.iter().find(|condition| condition.type_ == READY);
    let stands_anew = standing.is_some();
    let condition = match standing {
        Some(Standing { status, reason, message }) => {
            let since =
                before.filter(|before| before.status == status).map(|before| before.last_transition_time.clone());
            Some(Condition {
                type_: READY.into(),
                status: status.into(),
                reason,
                message: message.chars().take(MESSAGE_CHARACTERS).collect(),
                last_transition_time: since.unwrap_or_else(|| Time((operator.clock)())),
                observed_generation: language.metadata.generation,
            })
        }
        None => before.cloned(),
    };
    let new = LanguageStatus {
        observed_generation: language.metadata.generation,
        conditions: condition.into_iter().collect(),
        image: served.map(|served| served.image.clone()),
        version: served.map(|served| served.language.version.clone()),
        warm: operator.evidence.warm(&language.name_any()),
    };
    if new == old {
        memory.untold = None;
        return Ok(PERIOD);
    }
    let since = *memory.untold.get_or_insert_with(Instant::now);
    let early = STATUS_PERIOD.saturating_sub(since.elapsed());
    if !stands_anew && !early.is_zero() {
        return Ok(early);
    }
    // One that has changed since is looked at again.
    let mut patch = json!({ "metadata": { "resourceVersion": language.metadata.resource_version }, "status": new });
    // What there is no more has to be named to go.
    (patch["status"]["image"], patch["status"]["version"]) = (json!(new.image), json!(new.version));
    let api: Api<Language> = Api::all(operator.client.clone());
    operator.metrics.write("languages", "patch");
    match api.patch_status(&language.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(written) => memory.written = Some(Arc::new(written)),
        // It is gone.
        Err(kube::Error::Api(answer)) if answer.code == 404 => {}
        Err(error) => return Err(error),
    }
    memory.untold = None;
    Ok(PERIOD)
}

/// Resource versions of one kind of object grow.
fn version(language: &Language) -> u64 {
    language.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use locus_api::{Catalogue, Language};
    use serde_json::{Value, json};

    use super::{check_run, verdict};
    use crate::evidence::Verdict;

    #[test]
    fn a_check_runs_the_example_of_the_very_language_and_goes_with_it() {
        let object = json!({
            "apiVersion": "locus.dev/v1alpha1", "kind": "Language", "metadata": {"name": "lua", "uid": "l1", "generation": 4},
            "spec": {"name": "Lua", "version": "5.4", "fileName": "main.lua", "image": "lua", "run": ["lua"],
                "example": "print(1)"}
        });
        let language: Language = serde_json::from_value(object).expect("a Language");
        let catalogue = Catalogue::of([&language]);
        let run = json!(check_run("check-lua-4", &language, &catalogue.served()[0]));
        assert_eq!((&run["metadata"]["name"], &run["spec"]["code"]), (&json!("check-lua-4"), &json!("print(1)")));
        assert_eq!(
            (&run["spec"]["language"], &run["spec"]["ttlSecondsAfterFinished"]),
            (&json!("lua@5.4"), &json!(600))
        );
        let owner = &run["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["kind"], &owner["uid"]), (&json!("Language"), &json!("l1")));
    }

    #[test]
    fn a_check_that_failed_tells_what_the_program_or_its_compiler_wrote() {
        let told = |status: &Value| match verdict(&serde_json::from_value(status.clone()).expect("a status")) {
            Verdict::Failed { reason, message } => (reason, message),
            Verdict::Served => panic!("it failed"),
        };
        let (reason, message) =
            told(&json!({"outcome": "NonZeroExit", "error": "exit status 1", "stderr": "no such module\n"}));
        assert_eq!((reason, message.ends_with("exit status 1: no such module")), ("CheckFailed", true), "{message}");
        let compile = json!({"stdout": "", "stderr": "main.c:1: error"});
        let (_, message) = told(&json!({"outcome": "CompileFailed", "error": "no", "stderr": "", "compile": compile}));
        assert!(message.ends_with("main.c:1: error"), "{message}");
        let (_, message) = told(&json!({"outcome": "NonZeroExit", "error": "no", "stderr": "x".repeat(10_000)}));
        assert!(message.len() < 1000, "{}", message.len());
    }
}
