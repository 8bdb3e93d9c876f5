//! Programs run on this machine, each in a process of its own.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, stream};
use locus_core::{Assignment, Limits, Run, RunRequest};
use locus_languages::{Language, UnknownLanguage};
use locus_runner::embedded::InputError;
use locus_runner::embedded::Launcher;
use locus_runner::sandbox::SandboxReport;
use locus_runner::toolchain::{Survey, Toolchain};

use crate::backend::{
    Asked, Backend, BackendError, Client, Input, LanguageInfo, Order, Page, Query, Taken, Told, listing,
};
use crate::callback::Callbacks;
use crate::gate::Gate;
use drive::{Driver, Going};
use kept::{Kept, now};
use store::Store;

pub use store::Bounds;

mod drive;
mod kept;
mod store;

/// This machine.
#[derive(Debug)]
pub struct Embedded {
    survey: Survey,
    launcher: Arc<Launcher>,
    gate: Gate,
    store: Arc<Store>,
    going: Going,
    callbacks: Option<Arc<Callbacks>>,
}

impl Embedded {
    /// This machine with the languages that are found on it.
    #[must_use]
    pub fn new(survey: Survey, launcher: Launcher, gate: Gate) -> Self {
        Self {
            survey,
            launcher: Arc::new(launcher),
            gate,
            store: Arc::default(),
            going: Going::default(),
            callbacks: None,
        }
    }

    /// The same machine that keeps other runs after their end.
    #[must_use]
    pub fn keeping(self, bounds: Bounds) -> Self {
        Self { store: Arc::new(Store::new(bounds)), ..self }
    }

    /// The same machine that tells the callbacks of runs of their ends.
    #[must_use]
    pub fn calling(self, callbacks: Arc<Callbacks>) -> Self {
        Self { callbacks: Some(callbacks), ..self }
    }

    /// What stands around a program here.
    #[must_use]
    pub fn report(&self) -> &SandboxReport {
        self.launcher.report()
    }

    async fn take(&self, order: Order) -> Result<Taken, BackendError> {
        let id = match &order.once {
            Some(once) => once.id.clone(),
            None => format!("run-{}", uuid::Uuid::new_v4()),
        };
        let digest = order.once.as_ref().map(|once| once.digest.clone());
        let assignment = self.assignment(&id, order.request.clone()).await?;
        let run = Run {
            id: id.clone(),
            language: order.request.language.clone(),
            labels: order.request.labels.clone(),
            reason: "Queued".to_owned(),
            created_at: now(),
            limits: Some(assignment.limits),
            ..Run::default()
        };
        let call = self.callbacks.clone().zip(order.request.callback.clone());
        let mut driver = None;
        let (kept, is_new) = self.store.insert(&id, || {
            let place = self.gate.place()?;
            let kept = Arc::new(Kept::new(run, order));
            let (launcher, store, going) = (self.launcher.clone(), self.store.clone(), self.going.enter());
            driver = Some(Driver { kept: kept.clone(), place, assignment, launcher, store, going, call });
            Ok(kept)
        })?;
        if kept.digest != digest {
            return Err(BackendError::KeyReused);
        }
        let run = kept.summary();
        if let Some(driver) = driver {
            tokio::spawn(driver.run());
        }
        Ok(Taken { run, is_new })
    }

    async fn assignment(&self, id: &str, request: RunRequest) -> Result<Assignment, BackendError> {
        let Some(Toolchain { language, program, .. }) = self.survey.find(&request.language).await else {
            return Err(self.unknown(&request.language).await);
        };
        language
            .assignment(id.to_owned(), program, request, Limits::DEFAULT, Limits::MAXIMUM)
            .map_err(|error| BackendError::InvalidRequest(error.to_string()))
    }

    async fn unknown(&self, selector: &str) -> BackendError {
        let found = self.survey.all().await;
        let installed: Vec<_> = found.iter().map(|toolchain| &*toolchain.language).collect();
        let missing = locus_languages::find(locus_languages::all(), selector).ok();
        let missing = missing.filter(|known| !installed.iter().any(|language| language.id == known.id));
        BackendError::UnknownLanguage(match missing {
            Some(known) => {
                let way = way_to(known);
                let selectors: Vec<_> = installed.iter().map(|language| language.selector()).collect();
                let others = selectors.join(", ");
                let others = if others.is_empty() { others } else { format!("; or choose one of: {others}") };
                format!("language {selector:?} is not installed on this machine: {way}{others}")
            }
            None if installed.is_empty() => format!("language {selector:?} is not known, and none is installed here"),
            None => UnknownLanguage::among(selector, installed).to_string(),
        })
    }
}

/// How somebody gets a language that is not installed.
fn way_to(language: &Language) -> String {
    let program = language.compile.as_ref().unwrap_or(&language.run).first().map_or("sh", String::as_str);
    let name = &language.name;
    // A script of Locus calls several.
    if program == "sh" {
        format!("install {name}")
    } else {
        format!("install {name}, so that {program} is on the PATH")
    }
}

impl Backend for Embedded {
    fn languages(&self) -> Vec<LanguageInfo> {
        self.survey.found().iter().map(|toolchain| LanguageInfo::from(&*toolchain.language)).collect()
    }

    fn surveyed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.survey.all().map(drop))
    }

    fn create(&self, order: Order) -> BoxFuture<'_, Result<Taken, BackendError>> {
        Box::pin(self.take(order))
    }

    fn get<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async { Ok(self.store.get(client, id)?.whole().await) })
    }

    fn asked<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Asked, BackendError>> {
        Box::pin(async {
            let missing = || BackendError::NotFound(id.to_owned());
            self.store.get(client, id)?.asked.clone().ok_or_else(missing)
        })
    }

    fn wait<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let kept = self.store.get(client, id)?;
            kept.ended().await;
            self.store.told(&kept);
            Ok(kept.whole().await)
        })
    }

    fn ended<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let kept = self.store.get(client, id)?;
            kept.ended().await;
            Ok(kept.summary())
        })
    }

    fn list<'a>(&'a self, client: &'a Client, query: &'a Query) -> BoxFuture<'a, Result<Page, BackendError>> {
        Box::pin(async { listing::page(self.store.all(client).iter().map(|kept| kept.summary()), query) })
    }

    fn watch<'a>(
        &'a self,
        client: &'a Client,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Told>, BackendError>> {
        Box::pin(async {
            let watch = self.store.get(client, id)?.watch();
            let told = stream::unfold(watch, |mut watch| async { watch.next().await.map(|told| (told, watch)) });
            Ok(told.boxed())
        })
    }

    fn cancel<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let kept = self.store.get(client, id)?;
            kept.cancel();
            Ok(kept.whole().await)
        })
    }

    fn stdin<'a>(&'a self, client: &'a Client, id: &'a str, input: Input) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(async move {
            let kept = self.store.get(client, id)?;
            if !kept.interactive {
                return Err(refused(InputError::NotInteractive));
            }
            let stdin = kept.stdin().await.ok_or(InputError::Over).map_err(refused)?;
            stdin.send(&input.data, input.at, input.end).map_err(refused)
        })
    }

    fn ready(&self) -> Result<(), BackendError> {
        // While languages are still looked for, a run is taken and waits for its own.
        if !self.survey.is_over() || !self.survey.found().is_empty() {
            return Ok(());
        }
        let known = locus_languages::all().iter().filter(|language| language.default);
        let known: Vec<_> = known.map(|language| language.name.as_str()).collect();
        Err(BackendError::Unavailable(format!("no language is installed here; install one of: {}", known.join(", "))))
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.going.none())
    }

    fn going(&self) -> usize {
        self.going.count()
    }

    fn name(&self) -> &'static str {
        "embedded"
    }

    fn sandbox(&self) -> Option<&SandboxReport> {
        Some(self.report())
    }
}

fn refused(error: InputError) -> BackendError {
    match error {
        InputError::Full { taken } => BackendError::InputFull { taken },
        InputError::Gap { taken } => BackendError::InputMissing { taken },
        InputError::NotInteractive | InputError::Over | InputError::Ended => BackendError::NoInput(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use locus_core::{LimitsRequest, Network, RunRequest, Seconds};
    use locus_runner::embedded::Launcher;
    use locus_runner::sandbox::SandboxReport;
    use locus_runner::toolchain::{Survey, Toolchain};

    use super::Embedded;
    use crate::backend::{Asked, Backend as _, BackendError, Order};
    use crate::gate::Gate;

    fn machine(ids: &[&str]) -> Embedded {
        let toolchain = |id: &&str| {
            let language = locus_languages::find(locus_languages::all(), id).expect("it is known");
            Toolchain::new(language, "/opt/language/bin/program".into(), "99.1", &[])
        };
        let sandbox = SandboxReport { isolation: None, layers: Vec::new(), weakness: None };
        let survey = Survey::of(ids.iter().map(toolchain).collect());
        Embedded::new(survey, Launcher::with(sandbox, Network::None), Gate::new(1, 1))
    }

    fn request(language: &str) -> RunRequest {
        RunRequest { language: language.into(), code: Some("x".into()), ..RunRequest::default() }
    }

    #[tokio::test]
    async fn a_language_goes_by_the_version_that_is_installed() {
        let machine = machine(&["python"]);
        for selector in ["python", "py", "python@99", "python@99.1"] {
            let assignment = machine.assignment("run", request(selector)).await.expect("it is installed");
            assert_eq!(assignment.program.path, ["/opt/language/bin"]);
        }
        let told = &machine.languages()[0];
        assert_eq!((told.version.as_str(), told.selector.as_str()), ("99.1", "python"));
        assert!(machine.assignment("run", request("python@3.13")).await.is_err());
    }

    #[tokio::test]
    async fn a_language_that_is_not_there_is_refused_with_those_that_are() {
        let refusal = async |machine: &Embedded, id: &str| {
            machine.assignment("run", request(id)).await.expect_err("it is not there").to_string()
        };
        let python = machine(&["python"]);
        for (id, message) in [
            ("klingon", "language \"klingon\" is not known; choose one of: python"),
            ("pyhton", "language \"pyhton\" is not known; did you mean python? There are: python"),
            ("python@2", "language \"python@2\" is not known; did you mean python? There are: python"),
            (
                "js",
                "language \"js\" is not installed on this machine: install JavaScript, so that node is on the PATH; \
                 or choose one of: python",
            ),
            ("c", "language \"c\" is not installed on this machine: install C; or choose one of: python"),
        ] {
            assert_eq!(refusal(&python, id).await, message);
        }
        let empty = machine(&[]);
        assert!(refusal(&empty, "python").await.ends_with("install Python, so that python3 is on the PATH"));
        assert!(refusal(&empty, "klingon").await.ends_with("none is installed here"));
        assert!(
            matches!(empty.ready(), Err(BackendError::Unavailable(text)) if text.contains("JavaScript, ") && text.contains("Python"))
        );
    }

    #[tokio::test]
    async fn what_was_asked_for_is_kept_with_a_note_and_not_without_one() {
        // Nothing is ever let through the gate.
        let machine = Embedded { gate: Gate::new(0, 2), ..machine(&["python"]) };
        let take = async |note: Option<&str>| {
            let (request, note) = (request("python"), note.map(str::to_owned));
            let order = Order { request, client: Some("a".into()), once: None, keep_seconds: 60, note };
            machine.create(order).await.expect("there is room").run.id
        };
        let (noted, plain) = (take(Some("a note")).await, take(None).await);
        let expected = Asked { request: request("python"), note: Some("a note".into()) };
        assert_eq!(machine.asked(&Some("a".into()), &noted).await, Ok(expected));
        for (client, id) in [(Some("a".to_owned()), &plain), (Some("b".to_owned()), &noted), (None, &noted)] {
            assert_eq!(machine.asked(&client, id).await, Err(BackendError::NotFound(id.clone())), "{client:?}");
        }
    }

    #[tokio::test]
    async fn limits_come_from_the_request_then_the_language_and_stay_below_the_maximum() {
        let limits = LimitsRequest {
            timeout_seconds: Some(Seconds::whole(9000)),
            memory_bytes: Some(32 << 20),
            ..Default::default()
        };
        let request = RunRequest { limits, ..request("python") };
        let limits = machine(&["python"]).assignment("run", request).await.expect("it is valid").limits;
        assert_eq!(
            (limits.timeout_seconds, limits.memory_bytes, limits.processes),
            (Seconds::whole(300), 32 << 20, 64)
        );
    }
}
