//! Stopping a run.

use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams};
use locus_api::CodeRun;
use serde_json::json;

/// How often the cluster is asked while it does not answer well, and the first pause, which doubles.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// Asks a run to stop; one that has ended stays as it is.
pub async fn cancel(runs: &Api<CodeRun>, name: &str) -> kube::Result<CodeRun> {
    let cancel = Patch::Merge(json!({ "spec": { "cancelRequested": true } }));
    let (mut pause, mut left) = (PAUSE, TRIES);
    loop {
        left -= 1;
        match runs.patch(name, &PatchParams::default(), &cancel).await {
            Ok(run) => return Ok(run),
            Err(kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                return Err(kube::Error::Api(status));
            }
            Err(error) if left == 0 => return Err(error),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause *= 2;
    }
}

/// Stops a run whose client went away before it was told the run's id, or can't be told it.
pub struct CancelOnDrop {
    runs: Api<CodeRun>,
    name: String,
    armed: bool,
}

impl CancelOnDrop {
    /// Stops the run of this name, if armed.
    pub fn new(runs: Api<CodeRun>, name: String, armed: bool) -> Self {
        Self { runs, name, armed }
    }

    /// Lets it be.
    pub fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.armed {
            return;
        }
        let (runs, name) = (self.runs.clone(), std::mem::take(&mut self.name));
        runtime.spawn(async move {
            let mut pause = PAUSE;
            for _ in 0..TRIES {
                // The creation may still be on its way, so that "not found" is no reason to give up.
                if cancel(&runs, &name).await.is_ok() {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause *= 4;
            }
            tracing::warn!(
                coderun.name = name,
                "a run that nobody waits for could not be cancelled, if it was made at all"
            );
        });
    }
}
