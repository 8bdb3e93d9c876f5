//! The pods of pools that wait: each is dialled once it runs, and the connection kept for the run that takes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use locus_api::labels;
use locus_core::PodInfo;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::links::lock;
use crate::pod_view::{Address, PodView};
use crate::runner_client::{Dialler, RunnerClient};

/// How often a waiting runner is asked whether it is still there. It closes a connection that is idle for 15 s.
const PERIOD: Duration = Duration::from_secs(5);

/// The time after which a runner that does not answer is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time that a runner may take to say that it takes no run any more.
const RETIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time after which it is odd that no run has a pod which was taken.
const TAKEN_LONG: Duration = Duration::from_secs(5);

/// How a pod of a pool stands, beside what its status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its runner has not answered yet, or does not answer any more.
    Dialling,
    /// Its runner waits for a run.
    Free,
    /// A run of this operator, or one that it has seen, has it.
    Taken,
    /// Its runner says that it has this run.
    Occupied(String),
    /// It takes no run any more.
    Retired,
}

struct Entry {
    pool: String,
    address: Address,
    standing: Standing,
    /// When its runner was heard of last, or it was taken, or else when its container was first seen to run.
    heard: Instant,
    /// Whether its runner has ever answered.
    known: bool,
    /// The open connection of a free pod, unless it is being asked.
    client: Option<RunnerClient>,
    task: Option<AbortHandle>,
}

impl Entry {
    fn stop(&mut self) -> Option<RunnerClient> {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.client.take()
    }

    /// From now on it stands so.
    fn set(&mut self, standing: Standing) {
        (self.standing, self.heard) = (standing, Instant::now());
    }

    fn stands_so_for_longer_than(&self, standing: &Standing, time: Duration) -> bool {
        self.standing == *standing && self.heard.elapsed() > time
    }
}

/// All waiting pods.
pub struct Standbys {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    dialler: Dialler,
    changed: Arc<Notify>,
    freed: Arc<Notify>,
}

impl Standbys {
    /// None yet. `changed` is told whenever pools may have to be looked at.
    #[must_use]
    pub fn new(dialler: Dialler, changed: Arc<Notify>) -> Self {
        Self { entries: Arc::default(), dialler, changed, freed: Arc::default() }
    }

    /// Waits until a pod has become free that was not.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A pod as the watch shows it.
    pub fn see(&self, pod: &Pod) {
        let (Some(uid), Some(pool)) = (pod.uid(), pod.labels().get(labels::POOL)) else { return };
        let mut entries = lock(&self.entries);
        match PodView::of(pod) {
            PodView::Running(address) if pod.metadata.deletion_timestamp.is_none() => {
                entries.entry(uid).or_insert_with(|| {
                    let task = Some(self.attend(address.clone()));
                    let (standing, heard, known) = (Standing::Dialling, Instant::now(), false);
                    Entry { pool: pool.clone(), address, standing, heard, known, client: None, task }
                });
            }
            PodView::Waiting { .. } | PodView::Stuck(_) => {}
            _ => {
                if let Some(mut entry) = entries.remove(&uid) {
                    entry.stop();
                }
            }
        }
        drop(entries);
        self.changed.notify_one();
    }

    /// A pod that is gone.
    pub fn forget(&self, pod: &Pod) {
        if let Some(mut entry) = pod.uid().and_then(|uid| lock(&self.entries).remove(&uid)) {
            entry.stop();
        }
        self.changed.notify_one();
    }

    /// Forgets all other pods: what was deleted while the watch was broken is told by its absence alone.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        lock(&self.entries).retain(|uid, entry| {
            let stays = is_there(uid);
            if !stays {
                entry.stop();
            }
            stays
        });
        self.changed.notify_one();
    }

    /// How a pod stands; `None` when its container does not run.
    #[must_use]
    pub fn standing(&self, pod_uid: &str) -> Option<Standing> {
        lock(&self.entries).get(pod_uid).map(|entry| entry.standing.clone())
    }

    /// Whether a pod runs whose runner has not been heard of for so long that it never will be.
    #[must_use]
    pub fn is_dead(&self, pod_uid: &str) -> bool {
        let entries = lock(&self.entries);
        entries.get(pod_uid).is_some_and(|entry| entry.stands_so_for_longer_than(&Standing::Dialling, PATIENCE))
    }

    /// Whether a pod's runner has answered once and does not any more.
    #[must_use]
    pub fn is_silent(&self, pod_uid: &str) -> bool {
        let entries = lock(&self.entries);
        entries.get(pod_uid).is_some_and(|entry| entry.standing == Standing::Dialling && entry.known)
    }

    /// The UIDs of a pool's free pods.
    #[must_use]
    pub fn free(&self, pool: &str) -> Vec<String> {
        let entries = lock(&self.entries);
        let free = entries.iter().filter(|(_, entry)| entry.pool == pool && entry.standing == Standing::Free);
        free.map(|(uid, _)| uid.clone()).collect()
    }

    /// Pods whose runners have a run, with its UID.
    #[must_use]
    pub fn occupied(&self) -> Vec<(Address, String)> {
        let entries = lock(&self.entries);
        let occupied = entries.values().filter_map(|entry| match &entry.standing {
            Standing::Occupied(run) => Some((entry.address.clone(), run.clone())),
            _ => None,
        });
        occupied.collect()
    }

    /// Takes a free pod for a run; nobody else gets it.
    #[must_use]
    pub fn take(&self, pod_uid: &str) -> Option<Address> {
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(pod_uid).filter(|entry| entry.standing == Standing::Free)?;
        entry.set(Standing::Taken);
        if let Some(task) = entry.task.take() {
            task.abort();
        }
        Some(entry.address.clone())
    }

    /// The open connection of a pod that was taken.
    #[must_use]
    pub fn connection(&self, pod_uid: &str) -> Option<RunnerClient> {
        lock(&self.entries).get_mut(pod_uid)?.client.take()
    }

    /// Notes that a run has a pod, whoever gave it.
    pub fn mark_taken(&self, pod_uid: &str) {
        if let Some(entry) = lock(&self.entries).get_mut(pod_uid)
            && matches!(entry.standing, Standing::Dialling | Standing::Free)
        {
            entry.stop();
            entry.set(Standing::Taken);
        }
    }

    /// Gives back a pod that no run was sent to. Its runner is asked before another run gets it.
    pub fn release(&self, pod_uid: &str) {
        let mut entries = lock(&self.entries);
        if let Some(entry) = entries.get_mut(pod_uid).filter(|entry| entry.standing == Standing::Taken) {
            self.dial_anew(entry);
        }
    }

    fn dial_anew(&self, entry: &mut Entry) {
        entry.stop();
        entry.set(Standing::Dialling);
        entry.task = Some(self.attend(entry.address.clone()));
    }

    /// Whether a pod was taken a while ago. Where no run has it any more, its runner has to say what became of it.
    #[must_use]
    pub fn is_taken_long(&self, pod_uid: &str) -> bool {
        let entries = lock(&self.entries);
        entries.get(pod_uid).is_some_and(|entry| entry.stands_so_for_longer_than(&Standing::Taken, TAKEN_LONG))
    }

    /// Gives up a pod whose runner does not answer, unless it has answered meanwhile.
    #[must_use]
    pub fn abandon(&self, pod_uid: &str) -> bool {
        let mut entries = lock(&self.entries);
        let dead = |entry: &&mut Entry| entry.stands_so_for_longer_than(&Standing::Dialling, PATIENCE);
        let Some(entry) = entries.get_mut(pod_uid).filter(dead) else { return false };
        entry.stop();
        entry.standing = Standing::Retired;
        true
    }

    /// Makes sure that a waiting pod takes no run any more, from anybody: whether its runner has said so. One that can't be
    /// asked may have a run of another operator.
    pub async fn retire(&self, pod_uid: &str) -> bool {
        let client = {
            let mut entries = lock(&self.entries);
            let Some(entry) = entries.get_mut(pod_uid) else { return false };
            match entry.standing {
                Standing::Dialling | Standing::Free => {}
                Standing::Retired => return true,
                Standing::Taken | Standing::Occupied(_) => return false,
            }
            entry.standing = Standing::Retired;
            let open = entry.stop();
            open.unwrap_or_else(|| RunnerClient::new(self.dialler.clone(), entry.address.clone(), String::new()))
        };
        if let Ok(Ok(())) = timeout(RETIRE_TIMEOUT, client.retire()).await {
            return true;
        }
        if let Some(entry) = lock(&self.entries).get_mut(pod_uid) {
            self.dial_anew(entry);
        }
        false
    }

    fn attend(&self, address: Address) -> AbortHandle {
        let attendant = Attendant {
            uid: address.pod_uid.clone(),
            client: RunnerClient::new(self.dialler.clone(), address, String::new()),
            entries: self.entries.clone(),
            changed: self.changed.clone(),
            freed: self.freed.clone(),
        };
        tokio::spawn(attendant.attend()).abort_handle()
    }
}

struct Attendant {
    uid: String,
    client: RunnerClient,
    entries: Arc<Mutex<HashMap<String, Entry>>>,
    changed: Arc<Notify>,
    freed: Arc<Notify>,
}

impl Attendant {
    async fn attend(mut self) {
        loop {
            let pod = self.connect().await;
            let fresh = self.client.another();
            let open = std::mem::replace(&mut self.client, fresh);
            self.settle(pod, open);
            if !self.keep().await {
                return;
            }
        }
    }

    /// Dials until the runner answers. Whoever sees the pod go ends this.
    async fn connect(&mut self) -> PodInfo {
        let mut pause = Duration::from_millis(5);
        loop {
            match self.client.connect().await {
                Ok(pod) => return pod,
                Err(error) => tracing::debug!(pod.uid = self.uid, %error, "waiting for a runner"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn settle(&self, pod: PodInfo, client: RunnerClient) {
        let mut changes = false;
        if let Some(entry) = lock(&self.entries).get_mut(&self.uid)
            && matches!(entry.standing, Standing::Dialling | Standing::Free)
        {
            let before = entry.standing.clone();
            (entry.heard, entry.known) = (Instant::now(), true);
            (entry.standing, entry.client) = match pod.run_uid {
                Some(run) => (Standing::Occupied(run), None),
                None if pod.retired => (Standing::Retired, None),
                None => (Standing::Free, Some(client)),
            };
            changes = entry.standing != before;
        }
        // That a free pod is still there is no news.
        if changes {
            self.freed.notify_one();
            self.changed.notify_one();
        }
    }

    /// Asks a free pod's runner again and again; whether it has to be dialled anew, in place of left alone.
    async fn keep(&self) -> bool {
        loop {
            sleep(PERIOD).await;
            let client = match lock(&self.entries).get_mut(&self.uid) {
                Some(entry) if entry.standing == Standing::Free => entry.client.take(),
                _ => return false,
            };
            let Some(mut client) = client else { return true };
            match client.pod().await {
                Ok(pod) => self.settle(pod, client),
                Err(error) => {
                    tracing::info!(pod.uid = self.uid, %error, "a waiting runner does not answer, dialling again");
                    if let Some(entry) = lock(&self.entries).get_mut(&self.uid)
                        && entry.standing == Standing::Free
                    {
                        entry.standing = Standing::Dialling;
                    }
                    return true;
                }
            }
        }
    }
}
