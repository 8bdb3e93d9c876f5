//! Programs run as `CodeRun`s on a cluster. Nothing else of the front door knows that there is one.
//!
//! Read on in this order: [`order`] says what a run's object is and [`create`] makes it, [`watches`] feed the [`index`] with what
//! is [`seen`] of it, [`view`] says what that means, and [`runs`] finds it again. [`told`] is what is told of it from its beginning to its end: [`live`] by its
//! [`runner`] in [`lines`], each event [`once`], and by [`replay`] where no runner can be asked. [`input`] and [`cancel`] are
//! what a client may do to a run that goes on; [`callbacks`] tell of its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client as KubeClient, Config};
use locus_core::Run;
use locus_core::token::TokenSigner;
use tokio::sync::Semaphore;

use crate::backend::{
    Asked, Backend, BackendError, Client, Input, LanguageInfo, Order, Page, Query, Taken, Told, listing,
};
use crate::shares::Room;
use index::{Index, KEPT_MAX};
use runner::{RUNNER_PORT, Runners};
use runs::{Runs, WHOLE_AT_ONCE};
use watches::Languages;

mod callbacks;
mod cancel;
mod create;
mod index;
mod input;
mod lines;
mod live;
mod once;
mod order;
mod replay;
mod runner;
mod runs;
mod seen;
mod told;
mod view;
mod watches;

pub use callbacks::Callback;
pub use runner::Route;

/// How a cluster is used.
#[derive(Clone)]
pub struct Settings {
    /// The kubeconfig, where it is not the usual one.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig, where it is not the current one.
    pub context: Option<String>,
    /// The namespace of the `CodeRun`s; none for that of the kubeconfig or the service account.
    pub namespace: Option<String>,
    /// The namespace of the pods that runs take place in.
    pub run_namespace: String,
    /// The most runs of this server that have not ended.
    pub unfinished: usize,
    /// What signs the tokens that runners ask for, the current key first; without any nothing is told live.
    pub reader_keys: Vec<TokenSigner>,
    /// Whether `CodeRun`s count that others have made, with `kubectl apply` say.
    pub everything: bool,
    /// What tells of the end of a run that somebody wants to be told of.
    pub callback: Option<Callback>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            namespace: None,
            run_namespace: "locus-runs".to_owned(),
            unfinished: 320,
            reader_keys: Vec::new(),
            everything: false,
            callback: None,
        }
    }
}

/// A cluster.
pub struct Cluster {
    runs: Runs,
    languages: Arc<Languages>,
    watches: [tokio::task::JoinHandle<()>; 2],
}

impl Cluster {
    /// The cluster of the kubeconfig, or the one that this process runs in.
    ///
    /// # Errors
    /// No cluster is configured.
    pub async fn connect(settings: Settings) -> anyhow::Result<Self> {
        let config = config(&settings).await?;
        let settings = Settings {
            namespace: Some(settings.namespace.unwrap_or_else(|| config.default_namespace.clone())),
            ..settings
        };
        // The addresses of pods are good in the cluster only.
        let is_inside = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
        let route = if is_inside { Route::Direct { port: RUNNER_PORT } } else { Route::PortForward };
        if settings.reader_keys.is_empty() {
            tracing::warn!(
                "no key that runners know (--reader-key-file): output is told at the end of a run, not live"
            );
        }
        Ok(Self::new(KubeClient::try_from(config)?, route, settings))
    }

    /// A cluster behind a client, whose runners are reached by this way; its watches start at once.
    #[must_use]
    pub fn new(client: KubeClient, route: Route, settings: Settings) -> Self {
        let namespace = settings.namespace.as_deref().unwrap_or("default");
        let pods = Api::namespaced(client.clone(), &settings.run_namespace);
        let runs = Runs {
            api: Api::namespaced(client.clone(), namespace),
            index: Index::new(settings.unfinished, KEPT_MAX),
            runners: Arc::new(Runners::new(route, pods, settings.reader_keys)),
            everything: settings.everything,
            turns: Arc::new(Semaphore::new(WHOLE_AT_ONCE)),
            replays: Room::new(told::REPLAYS_BYTES_MAX),
        };
        let callbacks = settings.callback.map(|callback| callbacks::Callbacks::new(runs.clone(), callback));
        let languages = Arc::<Languages>::default();
        let watches = [
            tokio::spawn(watches::watch_runs(runs.clone(), callbacks)),
            tokio::spawn(watches::watch_languages(Api::all(client), languages.clone())),
        ];
        Self { runs, languages, watches }
    }

    /// Refuses what could only fail, and what could be no run at all.
    fn check(&self, order: &Order) -> Result<(), BackendError> {
        let catalogue = self.languages.catalogue()?;
        let request = &order.request;
        let served =
            catalogue.find(&request.language).map_err(|error| BackendError::UnknownLanguage(error.to_string()))?;
        let checked = request.sources(&served.language.file_name);
        checked.map(drop).map_err(|error| BackendError::InvalidRequest(error.to_string()))
    }
}

/// Reads the key that signs this server's tokens for runners.
///
/// # Errors
/// When there is none in the file.
pub fn read_key(path: &Path) -> anyhow::Result<TokenSigner> {
    let context = || format!("reader key {}", path.display());
    let pem = std::fs::read_to_string(path).with_context(context)?;
    TokenSigner::from_pem(&pem).with_context(context)
}

/// How the cluster is reached.
async fn config(settings: &Settings) -> anyhow::Result<Config> {
    if settings.kubeconfig.is_none() && settings.context.is_none() {
        return Ok(Config::infer().await?);
    }
    let kubeconfig = settings.kubeconfig.as_ref().map_or_else(Kubeconfig::read, Kubeconfig::read_from)?;
    let options = KubeConfigOptions { context: settings.context.clone(), ..KubeConfigOptions::default() };
    Ok(Config::from_custom_kubeconfig(kubeconfig, &options).await?)
}

impl Backend for Cluster {
    fn languages(&self) -> Vec<LanguageInfo> {
        let catalogue = self.languages.catalogue().unwrap_or_default();
        let mut languages: Vec<_> = catalogue.served().iter().map(|served| &served.language).collect();
        languages.sort_by(|one, other| {
            (&one.id, !one.default, &one.version).cmp(&(&other.id, !other.default, &other.version))
        });
        languages.into_iter().map(LanguageInfo::from).collect()
    }

    fn create(&self, order: Order) -> BoxFuture<'_, Result<Taken, BackendError>> {
        Box::pin(async {
            self.check(&order)?;
            create::take(&self.runs, order).await
        })
    }

    fn get<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async { Ok(self.runs.whole(&self.runs.read(client, id).await?).await) })
    }

    fn asked<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Asked, BackendError>> {
        Box::pin(async { Ok(order::asked(&self.runs.read(client, id).await?)) })
    }

    fn wait<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let (mut follower, _) = self.runs.follow(client, id).await?;
            self.runs.ended(client, &*follower.end().await?).await
        })
    }

    fn ended<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let (mut follower, _) = self.runs.follow(client, id).await?;
            Ok((*follower.end().await?.summary).clone())
        })
    }

    fn list<'a>(&'a self, client: &'a Client, query: &'a Query) -> BoxFuture<'a, Result<Page, BackendError>> {
        Box::pin(async {
            let all = self.runs.index.all()?.into_iter();
            let shown = all.filter(|seen| self.runs.shows(client, seen.is_own, seen.client.as_ref()));
            listing::page(shown.map(|seen| seen.summary.clone()), query)
        })
    }

    fn watch<'a>(
        &'a self,
        client: &'a Client,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Told>, BackendError>> {
        Box::pin(told::stream(self.runs.clone(), client, id))
    }

    fn cancel<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let run = self.runs.read(client, id).await?;
            if view::summary(&run).is_over() {
                return Ok(self.runs.whole(&run).await);
            }
            match cancel::cancel(&self.runs.api, id).await {
                Ok(run) => Ok(view::run(&run)),
                Err(kube::Error::Api(status)) if status.is_not_found() => Err(BackendError::NotFound(id.to_owned())),
                Err(error) => Err(view::refusal(&error)),
            }
        })
    }

    fn stdin<'a>(&'a self, client: &'a Client, id: &'a str, input: Input) -> BoxFuture<'a, Result<u64, BackendError>> {
        Box::pin(input::write(&self.runs, client, id, input))
    }

    fn ready(&self) -> Result<(), BackendError> {
        self.languages.catalogue()?;
        if self.runs.index.is_synced() {
            Ok(())
        } else {
            Err(BackendError::Unavailable("the cluster's CodeRuns can't be watched".to_owned()))
        }
    }

    /// The runs live on in the cluster.
    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn name(&self) -> &'static str {
        "cluster"
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.watches.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
