//! A backend that runs nothing: each run ends as it is told, as soon as it is taken.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures::future::{BoxFuture, ready};
use futures::stream::{self, BoxStream, StreamExt as _};
use locus_api_server::backend::{
    Asked, Backend, BackendError, Client, Input, LanguageInfo, Order, Page, Query, Taken, Told, listing,
};
use locus_core::{Run, RunRequest};
use locus_runner::sandbox::SandboxReport;

/// How a request ends.
pub type Answer = Box<dyn Fn(&RunRequest) -> Result<Run, BackendError> + Send + Sync>;

/// Answers as it is told and keeps what it was asked.
pub struct Fake {
    pub answer: Answer,
    pub languages: Vec<LanguageInfo>,
    pub sandbox: Option<SandboxReport>,
    /// What is told of every run before its end.
    pub told: Vec<Told>,
    pub orders: Mutex<Vec<Order>>,
    pub inputs: Mutex<Vec<Input>>,
    pub runs: Mutex<BTreeMap<String, (Client, Run)>>,
    /// What was asked for with a note, by the id of its run.
    pub asked: Mutex<BTreeMap<String, Asked>>,
}

impl Fake {
    pub fn new(answer: impl Fn(&RunRequest) -> Result<Run, BackendError> + Send + Sync + 'static) -> Self {
        Self {
            answer: Box::new(answer),
            languages: Vec::new(),
            sandbox: None,
            told: Vec::new(),
            orders: Mutex::default(),
            inputs: Mutex::default(),
            runs: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    pub fn orders(&self) -> Vec<Order> {
        self.orders.lock().expect("not poisoned").clone()
    }

    fn take(&self, order: Order) -> Result<Taken, BackendError> {
        let answer = (self.answer)(&order.request);
        self.orders.lock().expect("not poisoned").push(order.clone());
        let mut runs = self.runs.lock().expect("not poisoned");
        let id = order.once.map_or_else(|| format!("run-{:03}", runs.len()), |once| once.id);
        if let Some((_, run)) = runs.get(&id) {
            return Ok(Taken { run: run.summary(), is_new: false });
        }
        let created_at = format!("2026-01-01T00:00:00.{:06}Z", runs.len());
        if let Some(note) = order.note {
            let asked = Asked { request: order.request.clone(), note: Some(note) };
            self.asked.lock().expect("not poisoned").insert(id.clone(), asked);
        }
        let (language, labels) = (order.request.language, order.request.labels);
        let run = Run { id: id.clone(), language, labels, created_at, ..answer? };
        runs.insert(id, (order.client, run.clone()));
        Ok(Taken { run: run.summary(), is_new: true })
    }

    fn find(&self, client: &Client, id: &str) -> Result<Run, BackendError> {
        let runs = self.runs.lock().expect("not poisoned");
        let run = runs.get(id).filter(|(owner, _)| owner == client).map(|(_, run)| run.clone());
        run.ok_or_else(|| BackendError::NotFound(id.to_owned()))
    }
}

impl Backend for Fake {
    fn languages(&self) -> Vec<LanguageInfo> {
        self.languages.clone()
    }

    fn create(&self, order: Order) -> BoxFuture<'_, Result<Taken, BackendError>> {
        Box::pin(ready(self.take(order)))
    }

    fn get<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(ready(self.find(client, id)))
    }

    fn asked<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Asked, BackendError>> {
        let asked = self.find(client, id).and_then(|_| {
            let asked = self.asked.lock().expect("not poisoned").get(id).cloned();
            asked.ok_or_else(|| BackendError::NotFound(id.to_owned()))
        });
        Box::pin(ready(asked))
    }

    fn wait<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async {
            let run = self.find(client, id)?;
            // One that is never over is waited for without end.
            if run.is_over() { Ok(run) } else { std::future::pending().await }
        })
    }

    fn ended<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(async { Ok(self.wait(client, id).await?.summary()) })
    }

    fn list<'a>(&'a self, client: &'a Client, query: &'a Query) -> BoxFuture<'a, Result<Page, BackendError>> {
        let runs = self.runs.lock().expect("not poisoned").clone().into_values();
        let own = runs.filter(|(owner, _)| owner == client).map(|(_, run)| run.summary());
        Box::pin(ready(listing::page(own, query)))
    }

    fn watch<'a>(
        &'a self,
        client: &'a Client,
        id: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Told>, BackendError>> {
        let told = self.find(client, id).map(|run| {
            let told = stream::iter(self.told.clone());
            // One that is never over is told of without end.
            if !run.is_over() {
                return told.chain(stream::pending()).boxed();
            }
            told.chain(stream::iter([Told::Ended(Box::new(run))])).boxed()
        });
        Box::pin(ready(told))
    }

    fn cancel<'a>(&'a self, client: &'a Client, id: &'a str) -> BoxFuture<'a, Result<Run, BackendError>> {
        Box::pin(ready(self.find(client, id)))
    }

    fn stdin<'a>(&'a self, client: &'a Client, id: &'a str, input: Input) -> BoxFuture<'a, Result<u64, BackendError>> {
        let taken = self.find(client, id).and_then(|run| {
            if run.is_over() {
                return Err(BackendError::NoInput("the run is over".to_owned()));
            }
            let taken = input.at.unwrap_or_default() + input.data.len() as u64;
            self.inputs.lock().expect("not poisoned").push(input);
            Ok(taken)
        });
        Box::pin(ready(taken))
    }

    fn ready(&self) -> Result<(), BackendError> {
        (self.answer)(&RunRequest::default()).map(drop)
    }

    fn drained(&self) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn name(&self) -> &'static str {
        "fake"
    }

    fn sandbox(&self) -> Option<&SandboxReport> {
        self.sandbox.as_ref()
    }
}
