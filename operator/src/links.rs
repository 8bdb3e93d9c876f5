//! One link per run that has a running pod: a task that dials the runner, hands it the run, and follows its
//! events to the end. It writes nothing to the cluster; the reconciler reads its state and decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use locus_api::CodeRun;
use locus_core::TestCase;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use crate::pod_view::Address;
use crate::reconcile::Clock;
use crate::record::Record;
use crate::runner_client::{Dialler, RunnerClient, RunnerError};

/// How far a link is.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// There is none.
    None,
    /// The runner has not answered yet.
    Dialling {
        /// Since when.
        since: Timestamp,
        /// What the last attempt said.
        error: String,
    },
    /// The runner has answered and waits for the run.
    Connected,
    /// The runner has the run.
    Running {
        /// Since when this operator knows that.
        since: Timestamp,
    },
    /// The runner has another run: ours never started there.
    Refused,
    /// The run has ended.
    Finished(Arc<Record>),
}

impl Link {
    /// Whether it has, or is about to have, a run that goes on.
    const fn is_waiting(&self) -> bool {
        matches!(self, Self::Connected | Self::Running { .. })
    }
}

/// What the reconciler asks of a link.
enum Order {
    /// With the assignment; without one, the run is followed only if the runner has it.
    Start(Option<bytes::Bytes>),
    Cancel,
    Acknowledge(tokio::sync::oneshot::Sender<bool>),
}

struct Entry {
    pod_uid: String,
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
    orders: mpsc::UnboundedSender<Order>,
    task: AbortHandle,
}

struct State {
    link: Link,
    /// What the run has told so far, kept in case its pod dies.
    record: Record,
    /// Whether the reconciler waits for news right now: then it need not be woken.
    watched: bool,
}

/// All links of this operator.
pub struct Links {
    entries: Mutex<HashMap<String, Entry>>,
    dialler: Dialler,
    wake: UnboundedSender<ObjectRef<CodeRun>>,
    /// The most bytes of each stream, and of all files, that a status may hold.
    capacity: usize,
    clock: Clock,
}

impl Links {
    /// Links that dial with `dialler` and wake the reconciler when something happens.
    #[must_use]
    pub fn new(dialler: Dialler, wake: UnboundedSender<ObjectRef<CodeRun>>, capacity: usize, clock: Clock) -> Self {
        Self { entries: Mutex::default(), dialler, wake, capacity, clock }
    }

    /// How far the link of a run to this pod is. One that leads to another pod is none: that pod may not be the one that
    /// the run has claimed.
    #[must_use]
    pub fn state(&self, run_uid: &str, pod_uid: &str) -> Link {
        let entries = lock(&self.entries);
        let entry = entries.get(run_uid).filter(|entry| entry.pod_uid == pod_uid);
        entry.map_or(Link::None, |entry| lock(&entry.state).link.clone())
    }

    /// Whether a link that was given its run has something to tell: its end, or that it broke.
    #[must_use]
    pub fn has_news(&self, run_uid: &str) -> bool {
        let entries = lock(&self.entries);
        entries.get(run_uid).is_none_or(|entry| !lock(&entry.state).link.is_waiting())
    }

    /// What the run has told so far, as far as is known.
    #[must_use]
    pub fn record(&self, run_uid: &str) -> Arc<Record> {
        let entries = lock(&self.entries);
        let Some(entry) = entries.get(run_uid) else { return Arc::default() };
        let state = lock(&entry.state);
        if let Link::Finished(record) = &state.link { record.clone() } else { Arc::new(state.record.clone()) }
    }

    /// Dials the runner of a run's pod, unless there is an open connection to it; a link that leads there already stays.
    /// The tests are what the run is judged by.
    pub fn dial(
        &self,
        run: ObjectRef<CodeRun>,
        run_uid: &str,
        tests: Vec<TestCase>,
        address: Address,
        open: Option<RunnerClient>,
    ) {
        let mut entries = lock(&self.entries);
        if entries.get(run_uid).is_some_and(|entry| entry.pod_uid == address.pod_uid) {
            return;
        }
        let open = open.filter(RunnerClient::is_open).map(|client| client.for_run(run_uid.to_owned()));
        let link = match open {
            Some(_) => Link::Connected,
            None => Link::Dialling { since: (self.clock)(), error: String::new() },
        };
        let state =
            Arc::new(Mutex::new(State { link, record: Record::new(tests.into(), self.capacity), watched: false }));
        let (orders, inbox) = mpsc::unbounded_channel();
        let news = Arc::<Notify>::default();
        let pod_uid = address.pod_uid.clone();
        let attendant = Attendant {
            run,
            news: news.clone(),
            client: open.unwrap_or_else(|| RunnerClient::new(self.dialler.clone(), address, run_uid.to_owned())),
            state: state.clone(),
            wake: self.wake.clone(),
            clock: self.clock.clone(),
        };
        let task = tokio::spawn(attendant.attend(inbox)).abort_handle();
        let entry = Entry { pod_uid, state, news, orders, task };
        if let Some(old) = entries.insert(run_uid.to_owned(), entry) {
            old.task.abort();
        }
    }

    /// Hands the run to the runner; `assignment` is its JSON.
    pub fn start(&self, run_uid: &str, assignment: bytes::Bytes) {
        self.order(run_uid, Order::Start(Some(assignment)));
    }

    /// Follows the run if the runner has it. Otherwise the runner takes none any more, and the link is refused.
    pub fn resume(&self, run_uid: &str) {
        self.order(run_uid, Order::Start(None));
    }

    /// Waits for what comes of a start, but not longer than `time`. A short program has ended by then, and its result is
    /// written without another turn in the controller's queue.
    pub async fn news(&self, run_uid: &str, time: Duration) {
        let (state, news) = match lock(&self.entries).get(run_uid) {
            Some(entry) => (entry.state.clone(), entry.news.clone()),
            None => return,
        };
        {
            let mut state = lock(&state);
            if !state.link.is_waiting() {
                return;
            }
            state.watched = true;
        }
        let _ = tokio::time::timeout(time, news.notified()).await;
        lock(&state).watched = false;
    }

    /// Asks the runner to stop the run.
    pub fn cancel(&self, run_uid: &str) {
        self.order(run_uid, Order::Cancel);
    }

    /// Tells the runner that its result is safe, and ends the link; whether the runner has heard it. It ends by itself
    /// too, only later.
    pub async fn acknowledge(&self, run_uid: &str) -> bool {
        let (done, told) = tokio::sync::oneshot::channel();
        self.order(run_uid, Order::Acknowledge(done));
        let heard = tokio::time::timeout(Duration::from_secs(1), told).await;
        self.drop_link(run_uid);
        matches!(heard, Ok(Ok(true)))
    }

    /// The UIDs of all runs that have a link.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        lock(&self.entries).keys().cloned().collect()
    }

    /// Ends the link, if there is one.
    pub fn drop_link(&self, run_uid: &str) {
        if let Some(entry) = lock(&self.entries).remove(run_uid) {
            entry.task.abort();
        }
    }

    fn order(&self, run_uid: &str, order: Order) {
        if let Some(entry) = lock(&self.entries).get(run_uid) {
            // A closed inbox means that the attendant has nothing left to do, which its state tells.
            let _ = entry.orders.send(order);
        }
    }
}

struct Attendant {
    run: ObjectRef<CodeRun>,
    news: Arc<Notify>,
    client: RunnerClient,
    state: Arc<Mutex<State>>,
    wake: UnboundedSender<ObjectRef<CodeRun>>,
    clock: Clock,
}

impl Attendant {
    async fn attend(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        if !self.client.is_open() {
            self.connect().await;
            self.tell(Link::Connected);
        }
        let mut assignment = None;
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Start(body) => {
                    assignment = Some(body);
                    break;
                }
                Order::Cancel => {}
                Order::Acknowledge(done) => drop(done.send(false)),
            }
        }
        let Some(assignment) = assignment else { return };
        if self.start_and_follow(assignment.as_ref(), &mut inbox).await {
            while let Some(order) = inbox.recv().await {
                if let Order::Acknowledge(done) = order {
                    let _ = done.send(self.client.acknowledge().await.is_ok());
                }
            }
        }
    }

    /// Dials until the runner answers; whoever sees the pod go ends the link.
    async fn connect(&mut self) {
        let mut pause = Duration::from_millis(5);
        loop {
            match self.client.connect().await {
                Ok(_) => return,
                Err(error) => {
                    if let Link::Dialling { error: last, .. } = &mut lock(&self.state).link {
                        *last = error.to_string();
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// Whether the run has ended in this runner.
    async fn start_and_follow(
        &mut self,
        assignment: Option<&bytes::Bytes>,
        inbox: &mut mpsc::UnboundedReceiver<Order>,
    ) -> bool {
        loop {
            match self.try_run(assignment, inbox).await {
                Ok(record) => {
                    self.tell(Link::Finished(record));
                    return true;
                }
                Err(RunnerError::OtherRun) => {
                    self.tell(Link::Refused);
                    return false;
                }
                // The runner keeps the run and replays its events: asking again loses and doubles nothing.
                Err(error) => {
                    tracing::info!(coderun.name = %self.run.name, %error, "link to the runner broke, dialling again");
                    self.tell(Link::Dialling { since: (self.clock)(), error: error.to_string() });
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    self.connect().await;
                }
            }
        }
    }

    async fn try_run(
        &mut self,
        assignment: Option<&bytes::Bytes>,
        inbox: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Result<Arc<Record>, RunnerError> {
        match assignment {
            Some(assignment) => self.client.start(assignment).await?,
            None => self.client.resume().await?,
        }
        // Nothing follows from it, so nobody is told.
        lock(&self.state).link = Link::Running { since: (self.clock)() };
        let canceller = self.client.another();
        let state = self.state.clone();
        {
            let mut state = lock(&state);
            state.record = state.record.anew();
        }
        let follow = self.client.follow(move |event| lock(&state).record.push(event));
        tokio::pin!(follow);
        loop {
            tokio::select! {
                end = &mut follow => { end?; break }
                order = inbox.recv() => match order {
                    Some(Order::Cancel) => { tokio::spawn(canceller.another().cancel()); }
                    Some(Order::Acknowledge(done)) => drop(done.send(false)),
                    Some(Order::Start(_)) | None => {}
                }
            }
        }
        let mut state = lock(&self.state);
        if state.record.result.is_none() {
            return Err(RunnerError::Ended);
        }
        let empty = state.record.anew();
        let record = Arc::new(std::mem::replace(&mut state.record, empty));
        // Whoever looks now finds it here.
        state.link = Link::Finished(record.clone());
        Ok(record)
    }

    fn tell(&self, link: Link) {
        let mut state = lock(&self.state);
        state.link = link;
        if state.watched {
            self.news.notify_one();
        } else {
            let _ = self.wake.unbounded_send(self.run.clone());
        }
    }
}

/// A panic elsewhere leaves plain data behind, which is still good.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
