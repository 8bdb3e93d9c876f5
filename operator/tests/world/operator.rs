//! Operators: the real one, with all its requests going through the faults of the schedule. One that has crashed
//! reaches nothing any more, whatever tasks of it are left.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::runtime::events::Reporter;
use locus_core::token::TokenSigner;
use locus_operator::controller;
use locus_operator::keys::Keys;
use locus_operator::pod_view::Address;
use locus_operator::reconcile::Operator;
use locus_operator::runner_client::{Connect, Dialler, Route, Stream};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::World;
use super::api_server::{Target, answer};
use super::dice::{happens, millis};
use super::faults::Fault;
use super::program::MARK;
use super::shared::Shared;
use super::store::Refusal;
use super::{connection, watch as watches};

/// One operator from its start to its end.
pub struct Life {
    pub world: Arc<World>,
    /// Which of the operators it is, however often that one has been started.
    pub name: String,
    over: Shared<bool>,
}

/// Runs an operator for ever, again and again.
pub async fn keep_running(world: Arc<World>, number: usize) {
    let name = format!("operator-{number}");
    loop {
        let mut rng = world.dice.roll(&name);
        let life = Arc::new(Life { world: world.clone(), name: name.clone(), over: Shared::new(false) });
        let (stop, stopped) = oneshot::channel();
        let mut task = tokio::spawn(live(life.clone(), stopped));
        world.note(|| format!("{name} starts"));
        let rollout = happens(&mut rng, world.odds().rollout).then(|| millis(&mut rng, 1000..60_000));
        let told_to_stop = async {
            sleep(rollout.unwrap_or(Duration::MAX)).await;
            world.note(|| format!("{name} is told to stop"));
            drop(stop);
            sleep(Duration::from_secs(30)).await;
        };
        tokio::select! {
            biased;
            ended = &mut task => {
                if let Err(error) = ended {
                    world.violated(format!("{name} panicked: {error}"));
                }
            }
            () = told_to_stop => {}
            () = life.over() => {}
        }
        life.crash();
        task.abort();
        world.note(|| format!("{name} is gone"));
        sleep(millis(&mut rng, 10..20_000)).await;
    }
}

/// What the operator's `main` does, with other ways to the outside.
async fn live(life: Arc<Life>, stop: oneshot::Receiver<()>) {
    let requests = life.clone();
    let service = tower::service_fn(move |request| requests.clone().ask(request));
    let client = Client::new(service, "default");
    let keys = Arc::new(Keys::new(vec![TokenSigner::from_seed(&[7; 32])]));
    let dialler = Dialler { route: Route::Custom(Arc::new(Way(life.clone()))), keys };
    let reporter = Reporter::from(life.name.as_str());
    let (config, clock) = (life.world.config.clone(), life.world.clock.clone());
    let (operator, inputs) = Operator::new(client, config, dialler, reporter, clock);
    let stop = async move { drop(stop.await) };
    controller::run(Arc::new(operator), inputs, Arc::new(AtomicBool::new(false)), stop).await;
}

impl Life {
    /// Ends it with no time for anything.
    pub fn crash(&self) {
        self.over.change(|over| *over = true);
    }

    /// Waits until it has crashed.
    pub async fn over(&self) {
        self.over.until(|over| *over).await;
    }

    pub fn is_over(&self) -> bool {
        self.over.read(|over| *over)
    }

    /// Crashes it while something of it waits.
    pub async fn crash_here(&self, what: &str) -> ! {
        self.world.note(|| format!("{} crashes at {what}", self.name));
        self.crash();
        std::future::pending::<()>().await;
        unreachable!("it waits for ever")
    }

    /// What the dice and the trace call a request.
    fn label(&self, method: &http::Method, target: &Target, body: &Value) -> String {
        let name = target.name.as_deref().or(body["metadata"]["name"].as_str());
        // The name of an event holds the real time.
        let name = name.filter(|_| target.plural != "events").unwrap_or_default();
        let namespace = target.namespace.as_deref().unwrap_or_default();
        format!("{} {method} {}/{namespace}/{name}", self.name, target.plural)
    }

    /// A request to the API server.
    async fn ask(self: Arc<Self>, request: Request<kube::client::Body>) -> std::io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        tokio::select! {
            biased;
            () = self.over() => std::future::pending().await,
            answer = self.try_ask(&parts, &body) => answer,
        }
    }

    async fn try_ask(&self, parts: &http::request::Parts, bytes: &[u8]) -> std::io::Result<Response<Body>> {
        let world = &self.world;
        let target = Target::of(&parts.uri);
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let label = self.label(&parts.method, &target, &body);
        let mut rng = world.dice.roll(&label);
        if target.plural != "coderuns" && String::from_utf8_lossy(bytes).contains(MARK) {
            world.violated(format!("code stands in {label}"));
        }
        let fault = Fault::of_request(&mut rng, world.odds(), &parts.method, parts.uri.path());
        if fault != Fault::None {
            world.note(|| format!("{label}: {fault:?}"));
        }
        sleep(millis(&mut rng, 1..50)).await;
        match fault {
            Fault::CrashBefore => self.crash_here(&label).await,
            Fault::BrokenBefore => return Err(std::io::Error::other("connection reset")),
            Fault::Refused(code) => return Ok(refused(code)),
            Fault::Late(time) => {
                let (world, name, method) = (world.clone(), self.name.clone(), parts.method.clone());
                tokio::spawn(async move {
                    sleep(time).await;
                    world.note(|| format!("late: {label}"));
                    let _ = answer(&world.store, &name, &method, &target, &body);
                });
                return Err(std::io::Error::other("connection reset"));
            }
            _ => {}
        }
        if target.is_watch() {
            let label = format!("{} watch {}", self.name, target.plural);
            return Ok(Response::new(watches::watch(world.clone(), label, target)));
        }
        let (code, answer) = answer(&world.store, &self.name, &parts.method, &target, &body);
        match fault {
            Fault::CrashAfter => self.crash_here(&label).await,
            Fault::BrokenAfter => return Err(std::io::Error::other("connection reset")),
            Fault::Slow(time) => sleep(time).await,
            _ => sleep(millis(&mut rng, 1..50)).await,
        }
        Ok(response(code, answer))
    }
}

fn response(code: u16, answer: String) -> Response<Body> {
    let response = Response::builder().status(code).header("content-type", "application/json");
    response.body(Body::from(answer)).expect("a response")
}

fn refused(code: u16) -> Response<Body> {
    let (reason, message) = match code {
        403 => ("Forbidden", "exceeded quota: runs"),
        409 => ("Conflict", "the object has been modified"),
        429 => ("TooManyRequests", "too many requests"),
        _ => ("InternalError", "etcdserver: request timed out"),
    };
    let mut response = response(code, Refusal::new(code, reason, message).status().to_string());
    if code == 429 {
        response.headers_mut().insert("retry-after", http::HeaderValue::from_static("1"));
    }
    response
}

/// The way of an operator to runners.
struct Way(Arc<Life>);

impl Connect for Way {
    fn connect(&self, address: &Address) -> BoxFuture<'static, std::io::Result<Box<dyn Stream>>> {
        Box::pin(connection::dial(self.0.clone(), address.clone()))
    }
}
