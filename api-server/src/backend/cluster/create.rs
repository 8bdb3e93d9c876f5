//! One `CodeRun` for each order, whatever becomes of the request that makes it.

use std::time::Duration;

use kube::ResourceExt as _;
use kube::api::PostParams;
use locus_api::{CodeRun, labels};

use super::cancel::CancelOnDrop;
use super::order::code_run;
use super::runs::Runs;
use super::view;
use crate::backend::{BackendError, Client, Once, Order, Taken};

/// How often a creation is tried, how long each try may take, and the first pause, which doubles.
const TRIES: u32 = 4;
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Creates the `CodeRun` of an order, or finds the one that there is already.
pub async fn take(runs: &Runs, order: Order) -> Result<Taken, BackendError> {
    let creation = Creation { runs, client: order.client.clone(), once: order.once.clone(), run: code_run(order)? };
    if let Some(once) = creation.once.as_ref().filter(|once| runs.index.find(&once.id).is_some())
        && let Some(taken) = creation.earlier(once).await?
    {
        return Ok(taken);
    }
    let place = runs.index.place()?;
    // The watch may tell of the run before its creation is answered.
    let _followed = runs.index.follow(&creation.run.name_any());
    let mut nobodys = CancelOnDrop::new(runs.api.clone(), creation.run.name_any(), creation.once.is_none());
    match creation.make().await {
        Ok(Made::New(run)) => {
            nobodys.disarm();
            runs.index.read(&run, Some(place));
            Ok(Taken { run: view::run(&run), is_new: true })
        }
        Ok(Made::Before(taken)) => Ok(*taken),
        Err((error, Doubt::None)) => {
            nobodys.disarm();
            Err(error)
        }
        Err((error, Doubt::PerhapsMade)) => Err(error),
    }
}

struct Creation<'a> {
    runs: &'a Runs,
    client: Client,
    once: Option<Once>,
    run: CodeRun,
}

enum Made {
    New(Box<CodeRun>),
    Before(Box<Taken>),
}

/// Whether a run may be there although its creation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    PerhapsMade,
}

/// Why there is no run after one try.
enum Setback {
    /// Another try would not help.
    Refused(BackendError),
    /// It could, and nothing was made.
    Again(BackendError),
    /// It could, and tells whether anything was made.
    Unclear(BackendError),
}

impl Creation<'_> {
    /// Tries until it is clear that there is a run, or none. All tries have one name, so that they make one run.
    async fn make(&self) -> Result<Made, (BackendError, Doubt)> {
        let (mut left, mut pause, mut doubt) = (TRIES, PAUSE, Doubt::None);
        loop {
            left -= 1;
            let error = match self.attempt().await {
                Ok(made) => return Ok(made),
                Err(Setback::Refused(error)) => return Err((error, doubt)),
                Err(Setback::Again(error)) => error,
                Err(Setback::Unclear(error)) => {
                    doubt = Doubt::PerhapsMade;
                    error
                }
            };
            if left == 0 {
                return Err((error, doubt));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt(&self) -> Result<Made, Setback> {
        let parameters = PostParams::default();
        let silent = |_| Setback::Unclear(BackendError::Unavailable("the cluster does not answer".to_owned()));
        let made = tokio::time::timeout(TRY_TIMEOUT, self.runs.api.create(&parameters, &self.run)).await;
        let error = match made.map_err(silent)? {
            Ok(run) => return Ok(Made::New(Box::new(run))),
            Err(error) => error,
        };
        match &error {
            kube::Error::Api(status) if status.is_already_exists() => self.found().await,
            kube::Error::Api(status) if status.code == 429 => Err(Setback::Again(view::refusal(&error))),
            kube::Error::Api(status) if status.code < 500 => Err(Setback::Refused(view::refusal(&error))),
            _ => Err(Setback::Unclear(view::refusal(&error))),
        }
    }

    /// The run that has the name already.
    async fn found(&self) -> Result<Made, Setback> {
        let Some(once) = &self.once else {
            // No other run has this name: a try before has made it.
            let run = self.runs.api.get(&self.run.name_any()).await;
            return run.map(|run| Made::New(Box::new(run))).map_err(|error| Setback::Unclear(view::refusal(&error)));
        };
        let gone = || Setback::Again(BackendError::Unavailable("the run was deleted while it was taken".to_owned()));
        let taken = self.earlier(once).await.map_err(Setback::Refused)?;
        taken.map(|taken| Made::Before(Box::new(taken))).ok_or_else(gone)
    }

    /// The run that was taken for the key before; none if it is gone.
    async fn earlier(&self, once: &Once) -> Result<Option<Taken>, BackendError> {
        let found = self.runs.api.get_opt(&once.id).await.map_err(|error| view::refusal(&error))?;
        let Some(run) = found else { return Ok(None) };
        let is_same = run.annotations().get(labels::DIGEST) == Some(&once.digest)
            && run.labels().get(labels::CLIENT) == self.client.as_ref()
            && run.labels().contains_key(labels::FRONT_DOOR);
        if !is_same {
            return Err(BackendError::KeyReused);
        }
        Ok(Some(Taken { run: self.runs.whole(&run).await, is_new: false }))
    }
}
