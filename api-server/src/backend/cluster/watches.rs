//! What the cluster tells by itself: of runs, and of the languages that it serves.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use kube::Api;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use locus_api::{Catalogue, Language, labels};

use super::callbacks::Callbacks;
use super::runs::Runs;
use crate::backend::BackendError;

/// The languages that the operator serves, once they have been listed. Those that are seen last are good as long as the
/// watch is broken.
#[derive(Debug, Default)]
pub struct Languages(Mutex<Option<Arc<Catalogue>>>);

impl Languages {
    /// What they mean together.
    pub fn catalogue(&self) -> Result<Arc<Catalogue>, BackendError> {
        let catalogue = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        catalogue
            .ok_or_else(|| BackendError::Unavailable("the cluster's Languages have not been listed yet".to_owned()))
    }
}

/// Follows the runs of the front door, or every one.
pub async fn watch_runs(runs: Runs, callbacks: Option<Arc<Callbacks>>) {
    let own = watcher::Config::default();
    let config = if runs.everything { own } else { own.labels(&format!("{}=true", labels::FRONT_DOOR)) };
    let mut events = std::pin::pin!(watcher(runs.api, config).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                runs.index.observe(&event);
                if let (Some(callbacks), watcher::Event::Apply(run) | watcher::Event::InitApply(run)) =
                    (&callbacks, &event)
                {
                    callbacks.observe(run);
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the watch on CodeRuns broke");
                runs.index.watch_failed();
            }
        }
    }
}

/// Follows the languages.
pub async fn watch_languages(languages: Api<Language>, known: Arc<Languages>) {
    let (store, writer) = reflector::store();
    let events = watcher(languages, watcher::Config::default()).default_backoff().reflect(writer);
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone) => {
                let catalogue = Catalogue::of(store.state().iter().map(AsRef::as_ref));
                *known.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(catalogue));
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the watch on Languages broke");
            }
        }
    }
}
